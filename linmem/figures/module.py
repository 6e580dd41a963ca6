"""The modules in ``paper_figures/``: finding them, and calling their ``grid``, ``cell`` and ``draw``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.checks import check_choice
from linmem.content import content_folder, load_file
from linmem.figures.drawing import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SCALES = ("quick", "paper")
_CONTRACT = ("grid", "cell", "draw")


def names() -> list[str]:
    """Names of all figures.

    >>> "li2021_plateau" in names()
    True
    """
    return sorted(path.stem for path in content_folder("paper_figures").glob("[!_]*.py"))


def load(name: str) -> Any:
    """The module of a figure; ``ValueError`` for an unknown name or a part of the contract that is missing."""
    check_choice("figure", name, names())
    file = content_folder("paper_figures") / f"{name}.py"
    module = load_file(file)
    missing = [part for part in _CONTRACT if not callable(getattr(module, part, None))]
    if missing:
        raise ValueError(f"{file} must define {', '.join(_CONTRACT)}, got no {', '.join(missing)}; add it")
    return module


def title(name: str) -> str:
    """First line of the figure module's docstring."""
    return (load(name).__doc__ or name).strip().splitlines()[0]


def draw(name: str, table: pd.DataFrame) -> Figure:
    """Draw figure ``name`` from its table, in linmem's style. The figure shows itself in a notebook.

    Parameters
    ----------
    name : one of :func:`names`.
    table : rows as ``cell`` returns them, e.g. the ``table`` of a claim's evidence.
    """
    with style():
        figure: Figure = load(name).draw(table)
        figure.draw_without_rendering()  # fixes the layout while the style is in force
    setattr(figure, "_repr_png_", partial(_png, figure))  # noqa: B010  # how Jupyter shows an object
    return figure


def _png(figure: Figure) -> bytes:
    image = BytesIO()
    with style():
        figure.savefig(image, format="png")
    return image.getvalue()


def grid(name: str, scale: str = "quick") -> list[dict[str, Any]]:
    """Parameters of every cell of a figure at one scale."""
    return list(load(name).grid(check_choice("scale", scale, SCALES)))


def cell_seed(name: str, parameters: Mapping[str, Any], seed: int) -> int:
    """Seed of one cell: a function of the figure's name, the cell's parameters and the seed, not of any order.

    >>> cell_seed("f", {"a": 1, "b": 2}, 0) == cell_seed("f", {"b": 2, "a": 1}, 0)
    True
    """
    canonical = json.dumps([name, dict(parameters)], sort_keys=True)
    words = np.frombuffer(hashlib.sha256(canonical.encode()).digest()[:16], dtype=np.uint32)
    return int(np.random.SeedSequence([seed, *map(int, words)]).generate_state(1)[0])


def compute_cell(name: str, parameters: Mapping[str, Any], seed: int = 0) -> list[dict[str, Any]]:
    """Rows of one cell of a figure's grid."""
    return list(load(name).cell(seed=cell_seed(name, parameters, seed), **parameters))


def shipped(name: str) -> Path:
    """Where the paper-scale table of a figure ships."""
    return content_folder("paper_figures") / "data" / f"{check_choice('figure', name, names())}.parquet"
