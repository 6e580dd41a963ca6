"""torch modules as state maps: recurrent stacks and cells, and classes of one's own around one of them.

Modules are copied, to the CPU and to double precision, and put into eval(): the module passed is left as it was.
Modules of other kinds that return (output, state) are in :mod:`linmem.analysis.stepped`.
"""

from __future__ import annotations

import copy
import dataclasses
from contextlib import suppress
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from linmem.analysis.readout import top_layer, with_vector
from linmem.analysis.stacks import Stack, stack_model
from linmem.analysis.state import StateModel
from linmem.analysis.stepped import double_precision, stepped_model
from linmem.trained.modules import MODULES, DelayedStack, Recurrent, layer_weights
from linmem.trained.weights import LayerWeights, NetworkWeights

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell, DelayedStack)
_BATCH, _TIME = 3, 5


def weights_model(weights: NetworkWeights) -> StateModel:
    """Weights of a trained network, with the network's own answer.

    >>> from linmem.trained import Architecture, initial_weights
    >>> weights_model(initial_weights(Architecture("lstm", cells=2, layers=3), rng=0)).state_size
    12
    """
    a = weights.architecture
    model = stack_model(Stack(a.cell, weights.layers, a.links), _title(a.cell, a.layers, a.cells), a.parameter_count)
    return with_vector(model, weights.readout_weight.astype(np.float64), weights.readout_bias)


def module_model(module: nn.Module, answered: bool = True) -> StateModel:
    """Any torch module as a state map, with its own answer if ``answered``.

    nn.RNN, LSTM, GRU, their cells and :class:`~linmem.trained.DelayedStack` answer by the sum of the top layer's
    outputs. A class of one's own is taken through the one recurrent part that it holds, with its own answer; any
    other must return (output, state) and take a state.

    Raises
    ------
    TypeError, ValueError : for modules whose state cannot be found; the message says how to pass them.

    >>> module_model(nn.LSTM(1, 3, num_layers=2)).labels[-1]
    's2[2]'
    """
    if getattr(module, "bidirectional", False):
        raise ValueError("model must be causal, got a bidirectional network; pass bidirectional=False")
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    double = _copied(module)
    count = sum(p.numel() for p in module.parameters() if p.requires_grad)
    if type(double) in RECURRENT:
        model = _recurrent_model(double, count)
        top = top_layer(model)
        return with_vector(model, np.ones(len(top))) if answered else model
    inside = [part for part in double.modules() if type(part) in RECURRENT]
    inside = [part for part in inside if not any(part is not own and part in own.modules() for own in inside)]
    if len(inside) != 1:
        try:
            return stepped_model(double, count)
        except (TypeError, ValueError) as error:
            if not inside:
                raise
            kinds = ", ".join(type(part).__name__ for part in inside)
            raise ValueError(
                f"model must hold one recurrent part, got {len(inside)} in {type(module).__name__} ({kinds}), and it "
                f"cannot be run by its own state either ({error}); pass the part to be analysed, or make them one stack"
            ) from error
    try:
        return _wrapped(double, inside[0], count, answered)
    except _NotPlainError as error:
        with suppress(TypeError, ValueError):
            return stepped_model(double, count)
        raise error


class _NotPlainError(ValueError):
    """A module is no stack that reads the inputs, with a head that reads its last state."""


def _copied(module: nn.Module) -> nn.Module:
    """A copy on the CPU, in double precision and eval()."""
    try:
        return copy.deepcopy(module).to("cpu", torch.float64).eval().requires_grad_(False)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f"model must be a module that can be copied to the CPU, got {type(module).__name__} ({error}); load its "
            "weights into a new one on the CPU, without weight_norm hooks"
        ) from error


def _title(cell: str, layers: int, cells: int) -> str:
    return f"{cell.upper()} of {cells} cells" + (f" in each of {layers} layers" if layers > 1 else "")


def _recurrent_model(part: nn.Module, count: int | None) -> StateModel:
    """A stack or cell of torch, without an answer."""
    if isinstance(part, nn.RNNCell | nn.LSTMCell | nn.GRUCell):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        arrays = [cast(Tensor, getattr(part, name)).numpy() for name in names[: 4 if part.bias else 2]]
        arrays += [np.zeros(len(arrays[0])) for _ in range(4 - len(arrays))]
        layers: tuple[LayerWeights, ...] = (LayerWeights(*arrays),)
        cell = {nn.RNNCell: "rnn", nn.LSTMCell: "lstm", nn.GRUCell: "gru"}[type(part)]
        relu, links = getattr(part, "nonlinearity", "tanh") == "relu", "same-step"
    else:
        stack = cast(Recurrent, part)
        first = cast("nn.RNN | nn.LSTM | nn.GRU", stack.layers[0]) if isinstance(stack, DelayedStack) else stack
        if first.proj_size > 0:
            return stepped_model(part, count)
        if first.bidirectional:
            raise ValueError("model must be causal, got a bidirectional network; pass bidirectional=False")
        cell = next(name for name, kind in MODULES.items() if isinstance(first, kind))
        relu, links = first.mode == "RNN_RELU", "delayed" if isinstance(stack, DelayedStack) else "same-step"
        layers = layer_weights(stack)
    found = Stack("relu" if relu else cell, layers, links)
    return stack_model(found, _title(cell, len(layers), found.cells), count)


class _Tap:
    """Hooks on the recurrent part of a module: what it reads, and in place of what it gives, a state of our choice."""

    def __init__(self, part: nn.Module) -> None:
        self.part, self.batch_first = part, getattr(part, "batch_first", not isinstance(part, nn.RNNBase))
        self.read: list[object] = []
        self.given: Any = None

    def __enter__(self) -> _Tap:
        self._handle = self.part.register_forward_hook(self._seen, with_kwargs=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    def _seen(self, _: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
        self.read.append(arguments[0] if arguments else named.get("input"))
        return output if self.given is None else self.given

    def series(self) -> Tensor | None:
        """What the part has read, (batch, time, d); None if that was no sequence of single steps."""
        read = [x for x in self.read if isinstance(x, Tensor)]
        if not read or len(read) < len(self.read):
            return None
        if isinstance(self.part, nn.RNNBase | DelayedStack):
            x = read[0]
            if len(read) != 1 or x.ndim != 3:
                return None
            return x if self.batch_first else x.transpose(0, 1)
        return torch.stack(read, dim=1) if all(x.ndim == 2 for x in read) else None

    def give(self, x: Tensor, model: StateModel) -> None:
        """Set what the part gives from now on: outputs and state of the states x (batch, n)."""
        l, c = cast(int, model.layers), cast(int, model.cells)
        outputs = getattr(self.part, "proj_size", 0) or c
        h = x[:, : l * outputs].reshape(len(x), l, outputs).transpose(0, 1).contiguous()
        s = x[:, l * outputs :].reshape(len(x), -1, c).transpose(0, 1).contiguous()
        if isinstance(self.part, nn.RNNCell | nn.GRUCell):
            self.given = h[0]
        elif isinstance(self.part, nn.LSTMCell):
            self.given = (h[0], s[0])
        else:
            output = h[-1].unsqueeze(1 if self.batch_first else 0)
            if isinstance(self.part, DelayedStack):
                pair = [(h[i : i + 1], s[i : i + 1]) if len(s) else h[i : i + 1] for i in range(l)]
                self.given = (output, tuple(pair))
            else:
                self.given = (output, (h, s) if len(s) else h)


def _wrapped(module: nn.Module, part: nn.Module, count: int, answered: bool) -> StateModel:
    """A class of one's own around one recurrent part: the part's states, the module's answer."""
    if getattr(part, "bidirectional", False):
        raise ValueError("model must be causal, got a bidirectional network inside; pass bidirectional=False")
    name = type(module).__name__
    if type(module).forward is nn.Module.forward:
        raise _NotPlainError(
            f"model must have a forward method to be asked for its answer, got a {name} without one; write it, or pass "
            f"its recurrent part ({type(part).__name__}), and its head as readout="
        )
    model = dataclasses.replace(_recurrent_model(part, count), name=f"{name} ({type(part).__name__})")
    fix = f"pass its recurrent part itself ({type(part).__name__}), and its head as readout="
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1.0, 1.0, (_BATCH, _TIME, model.input_size)))
    forms = ["batch first", "time first"] + ["no features"] * (model.input_size == 1)
    with torch.no_grad(), double_precision():
        for form in forms:
            with _Tap(part) as tap:
                try:
                    output = _first(module(_formed(x, form)))
                except (RuntimeError, ValueError, TypeError, IndexError):
                    continue
                read = tap.series()
            if read is not None and read.shape == x.shape and torch.equal(read, x):
                break
        else:
            raise _NotPlainError(
                f"the recurrent part of {name} must read the inputs as they are, (batch, time, {model.input_size}), "
                f"got a module that feeds it something else; {fix}"
            )
    if not answered:
        return model
    states = model.run(x.numpy())[:, -1]
    nothing = torch.zeros(1, 1, model.input_size, dtype=torch.float64)

    def ask(given: Tensor) -> Tensor:
        with _Tap(part) as tap, double_precision():
            tap.give(given, model)
            return _last(_first(module(_formed(nothing.expand(len(given), 1, -1), form))), len(given), 1)

    def answer(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return ask(torch.from_numpy(x)).numpy()

    def gradient(x: np.ndarray) -> np.ndarray:
        given = torch.tensor(x[None], requires_grad=True)
        return torch.autograd.grad(ask(given).sum(), given)[0][0].numpy()

    found = answer(states)
    if not np.allclose(found, _last(output, _BATCH, _TIME).numpy(), rtol=1e-6, atol=1e-9):
        raise _NotPlainError(
            f"the answer of {name} must be a function of the state after the last input, which starts from zero; {fix}"
        )
    return dataclasses.replace(model, answer=answer, gradient=gradient)


def _formed(x: Tensor, form: str) -> Tensor:
    """Inputs (batch, time, d) as the module wants them."""
    return {"batch first": lambda: x, "time first": lambda: x.transpose(0, 1), "no features": lambda: x[:, :, 0]}[
        form
    ]()


def _first(found: Any) -> Any:
    return found[0] if isinstance(found, tuple | list) else found


def _last(output: Any, batch: int, time: int) -> Tensor:
    """The answer after the last step, (batch,), of outputs (batch[, 1]), (batch, time[, 1]) or (time, batch, 1)."""
    if isinstance(output, Tensor) and output.ndim == 3:
        output = output[:, -1] if output.shape[:2] == (batch, time) else output[-1]
    if isinstance(output, Tensor) and output.shape == (batch, time):
        output = output[:, -1]
    if not isinstance(output, Tensor) or output.shape not in ((batch,), (batch, 1)):
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            f"the module must answer with one number, got outputs {got} for {batch} series; choose one of them by "
            "readout=, e.g. readout=module.fc.weight[0], or pass readout='none'"
        )
    return output.reshape(batch)
