"""Networks from files, as state maps, without running any code that a file brings.

A ``.pt`` or ``.pth`` file is a state_dict saved by torch (alone, or in a dictionary of a checkpoint), a
``.safetensors`` file the same in another format, an ``.npz`` file the matrices A, B and, if there is an answer, C of a
linear system.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from linmem.analysis.nodes import system_model
from linmem.analysis.readout import with_vector
from linmem.analysis.stacks import Stack, stack_model
from linmem.analysis.state import StateModel
from linmem.analysis.tensors import safetensors_arrays
from linmem.checks import check_choice, check_integer, nearest
from linmem.trained.architecture import GATES, LINKS
from linmem.trained.weights import LayerWeights

Arrays = dict[str, np.ndarray]
_NAME = re.compile(r"(|.*\.)(weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)(?:_l(\d+))?(_reverse)?")
_KEYS = ("cell", "nonlinearity", "links", "stack", "head", "output", "name")
_OWN = "build the module, load_state_dict into it, and pass it to linmem.analysis.state_model"


def load_model(
    path: str | os.PathLike[str], spec: str | os.PathLike[str] | Mapping[str, Any] | None = None
) -> StateModel:
    """The network in a file, as a state map with its answer.

    The weights of one torch stack (nn.RNN, LSTM, GRU or a cell, of any name inside a larger module) give its sizes; the
    rows of ``weight_hh`` tell rnn, gru and lstm apart (1, 3, 4 times its columns). A further matrix that reads the top
    layer is taken as the linear head; without one, the answer is the sum of the top layer's outputs.

    Parameters
    ----------
    path : ``.pt``, ``.pth``, ``.safetensors`` or ``.npz``.
    spec : what the weights do not say: a dictionary, or a JSON file; default the file of the same name that ends in
        ``.json``, if there is one. Keys, all of them optional:

        - "cell": "rnn", "gru" or "lstm", checked against the shapes; "nonlinearity": "tanh" (default) or "relu" of
          an rnn;
        - "links": "delayed" or "same-step", for layers that are modules of their own, ``layers.0``, ``layers.1``, ..;
        - "stack": name of the recurrent part, if there are several, or if weights besides it and a head are to be
          left out;
        - "head": name of the linear head, or null for the sum; "output": number of the head's output, from 0, if it
          has several;
        - "name": what to call the network.

    Raises
    ------
    FileNotFoundError : if there is no such file.
    ValueError, TypeError : for a file that holds more than weights (it is never unpickled as code), weights that are no
        single stack, or a spec that does not fit them.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save(torch.nn.GRU(1, 3, num_layers=2).state_dict(), f"{folder}/model.pt")
    ...     load_model(f"{folder}/model.pt").name
    'model.pt: GRU of 3 cells in each of 2 layers'
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"path must be a file, got {str(file)!r}, which does not exist; check the name")
    kind = check_choice("the ending of path", file.suffix.lower(), (".pt", ".pth", ".safetensors", ".npz"))
    options = _spec(file, spec)
    title = str(options.get("name", file.name))
    if kind == ".npz":
        return _system(file, title)
    arrays = safetensors_arrays(file) if kind == ".safetensors" else _torch_arrays(file)
    return _stack(arrays, options, title)


def _spec(file: Path, spec: str | os.PathLike[str] | Mapping[str, Any] | None) -> dict[str, Any]:
    """The spec as a dictionary with known keys."""
    if isinstance(spec, Mapping):
        found: Any = dict(spec)
    else:
        source = Path(spec) if spec is not None else file.with_suffix(".json")
        if spec is None and not source.is_file():
            return {}
        try:
            found = json.loads(source.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"spec must be a JSON file, got {str(source)!r} ({error}); see linmem.analysis.load_model"
            ) from error
    if not isinstance(found, dict):
        raise TypeError(f'spec must be a JSON object, got {type(found).__name__}; write e.g. {{"cell": "lstm"}}')
    options = cast("dict[str, Any]", found)
    for key in options:
        if key not in _KEYS:
            guess = nearest(str(key), _KEYS, 1)
            fix = f"did you mean {guess[0]!r}?" if guess else "leave it out"
            raise ValueError(f"spec must have keys among {', '.join(_KEYS)}, got {key!r}; {fix}")
    return options


def _system(file: Path, title: str) -> StateModel:
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays: Arrays = dict(archive)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"path must be an archive of arrays, got {str(file)!r} ({error}); use np.savez") from error
    if not {"A", "B"} <= set(arrays):
        raise ValueError(
            f"an .npz file must hold A and B, got {sorted(arrays)}; save it by np.savez(file, A=A, B=B, C=C)"
        )
    return system_model(arrays["A"], arrays["B"], arrays.get("C"), name=title)


def _torch_arrays(file: Path) -> Arrays:
    """The tensors of a state_dict; nothing else is unpickled."""
    import torch

    try:
        found: object = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what a file of something else raises is its bytes' choice
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, pickle.UnpicklingError):
            reason = "it holds a whole module or other objects, which only running code from the file would restore"
        raise ValueError(
            f"path must hold a state_dict (tensors only), got {str(file)!r}, which torch.load(weights_only=True) "
            f"refuses ({reason}); save it by torch.save(module.state_dict(), path)"
        ) from error
    candidates = [found, *(found.values() if isinstance(found, Mapping) else ())]
    for candidate in candidates:
        if isinstance(candidate, Mapping) and candidate:
            entries = cast("Mapping[str, Any]", candidate)
            if all(isinstance(value, torch.Tensor) for value in entries.values()):
                return {str(key): value.detach().double().numpy() for key, value in entries.items()}
    raise ValueError(
        f"path must hold a state_dict, got {type(found).__name__} without one in {str(file)!r}; "
        "save it by torch.save(module.state_dict(), path)"
    )


def _stack(arrays: Arrays, options: dict[str, Any], title: str) -> StateModel:
    """The one stack among the arrays, with its head."""
    groups: dict[str, dict[tuple[int, str], np.ndarray]] = {}
    rest = dict(arrays)
    for key, array in arrays.items():
        if match := _NAME.fullmatch(key):
            prefix, kind, layer, reverse = match.groups()
            if reverse:
                raise ValueError(f"the network must run one way, got {key!r} of a bidirectional one; build another")
            if kind == "weight_hr":
                raise ValueError(f"the network must have no projection, got {key!r}; {_OWN}")
            groups.setdefault(prefix, {})[int(layer or 0), kind] = array
            rest.pop(key)
    chosen, links = _chosen(groups, options)
    layers = _layers(chosen)
    cells = layers[0].weight_hh.shape[1]
    cell = _cell(layers[0], options)
    given = str(options.get("nonlinearity", "tanh"))
    relu = check_choice("nonlinearity", given, ("tanh", "relu")) == "relu"
    if relu and cell != "rnn":
        raise ValueError(f"nonlinearity 'relu' belongs to an rnn, got a {cell}; leave it out")
    head, bias = _head(rest, cells, options)
    count = sum(array.size for group in chosen for array in group.values())
    description = f"{title}: {cell.upper()} of {cells} cells" + (
        f" in each of {len(layers)} layers" if len(layers) > 1 else ""
    )
    model = stack_model(Stack("relu" if relu else cell, layers, links), description, count)
    return with_vector(model, np.ones(cells) if head is None else head, bias)


def _chosen(
    groups: dict[str, dict[tuple[int, str], np.ndarray]], options: dict[str, Any]
) -> tuple[list[dict[tuple[int, str], np.ndarray]], str]:
    """The groups of weights that make up the stack, lowest layer first, and how the layers are linked."""
    if not groups:
        raise ValueError(f"the file must hold the weights of a torch RNN, LSTM or GRU, got no weight_hh; {_OWN}")
    if "stack" in options:
        wanted = str(options["stack"])
        check_choice("stack", wanted, [name.removesuffix(".") for name in groups])
        return [groups[wanted and wanted + "."]], "same-step"
    if len(groups) == 1:
        return list(groups.values()), "same-step"
    numbered = {match[1]: name for name in groups if (match := re.fullmatch(r"(?:.*\.)?(\d+)\.", name))}
    if len(numbered) == len(groups) and len({name[: -len(k) - 1] for k, name in numbered.items()}) == 1:
        if "links" not in options:
            raise ValueError(
                f"layers of their own, got {sorted(groups)}: the weights do not say how they read each other; pass "
                'spec={"links": "delayed"} (DelayedStack) or {"links": "same-step"}'
            )
        links = check_choice("links", options["links"], LINKS)
        return [groups[numbered[k]] for k in sorted(numbered, key=int)], links
    raise ValueError(
        f"the file must hold one recurrent part, got {sorted(name.removesuffix('.') for name in groups)}; choose one "
        'by spec={"stack": ..}'
    )


def _layers(chosen: list[dict[tuple[int, str], np.ndarray]]) -> tuple[LayerWeights, ...]:
    """Weights of each layer; biases that are missing are zero."""
    found: list[LayerWeights] = []
    for group in chosen:
        for i in range(1 + max(layer for layer, _ in group)):
            if (i, "weight_ih") not in group or (i, "weight_hh") not in group:
                raise ValueError(f"layer {i} must have weight_ih and weight_hh, got a file without; save it whole")
            W, U = group[i, "weight_ih"], group[i, "weight_hh"]
            zero = np.zeros(len(U))
            b, d = group.get((i, "bias_ih"), zero), group.get((i, "bias_hh"), zero)
            below = found[-1].weight_hh.shape[1] if found else W.shape[-1]
            same = not found or U.shape == found[0].weight_hh.shape
            if W.ndim != 2 or W.shape != (len(U), below) or b.shape != (len(U),) or d.shape != (len(U),) or not same:
                raise ValueError(
                    f"the weights of a layer must fit each other and the layer below, got weight_ih {W.shape} and "
                    f"weight_hh {U.shape} above {below} inputs; {_OWN}"
                )
            found.append(LayerWeights(W, U, b, d))
    return tuple(found)


def _cell(layer: LayerWeights, options: dict[str, Any]) -> str:
    rows, columns = layer.weight_hh.shape
    cell = next((name for name, gates in GATES.items() if rows == gates * columns), None)
    if cell is None:
        raise ValueError(f"weight_hh must have 1, 3 or 4 times as many rows as columns, got {rows} x {columns}; {_OWN}")
    if check_choice("cell", options.get("cell", cell), GATES) != cell:
        raise ValueError(f"cell must be {cell!r} for a weight_hh of {rows} x {columns}, got {options['cell']!r}")
    return cell


def _head(rest: Arrays, cells: int, options: dict[str, Any]) -> tuple[np.ndarray | None, float]:
    """Weights (cells,) and bias of the chosen output of the linear head; None without one."""
    if "head" in options and options["head"] is None:
        return None, 0.0
    names = [key.removesuffix("weight").removesuffix(".") for key in rest if key.split(".")[-1] == "weight"]
    fitting = [
        name for name in names if _at(rest, name, "weight").ndim == 2 and _at(rest, name, "weight").shape[1] == cells
    ]
    if "head" in options:
        name = check_choice("head", options["head"], fitting)
    else:
        left = set(rest) - {f"{name}.{part}" if name else part for name in fitting for part in ("weight", "bias")}
        if len(fitting) > 1 or (left and "stack" not in options):
            raise ValueError(
                f"beside the stack the file must hold one linear head at most, got {sorted(rest)}; if the stack reads "
                'the inputs themselves, say so by spec={"stack": .., "head": ..} (null for the sum of its outputs)'
            )
        if not fitting:
            return None, 0.0
        name = fitting[0]
    weight = _at(rest, name, "weight")
    bias = rest.get(f"{name}.bias" if name else "bias", np.zeros(len(weight)))
    if len(weight) > 1 and "output" not in options:
        raise ValueError(
            f'the head {name!r} must have one output, got {len(weight)}; choose one by spec={{"output": 0}}'
        )
    k = check_integer("output", options.get("output", 0), 0, len(weight) - 1)
    return weight[k], float(bias[k])


def _at(rest: Arrays, name: str, part: str) -> np.ndarray:
    return rest[f"{name}.{part}" if name else part]
