"""The modules in ``paper_figures/``: finding them, and calling their ``grid``, ``cell`` and ``draw``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linmem.checks import check_choice
from linmem.content import content_folder, load_file
from linmem.figures.drawing import style
from linmem.sweep import Grid, cell_seed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SCALES = ("quick", "reduced", "paper")
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
    needed = _CONTRACT[-1:] if hasattr(module, "TABLE") else _CONTRACT
    missing = [part for part in needed if not callable(getattr(module, part, None))]
    if missing:
        raise ValueError(f"{file} must define {', '.join(needed)}, got no {', '.join(missing)}; add it")
    return module


def table_owner(name: str) -> str:
    """The figure whose table ``name`` draws: the module's ``TABLE`` if it has one, else the figure itself.

    Raises
    ------
    ValueError : if TABLE names no figure, or one that itself draws the table of another.

    >>> table_owner("illium2022_fig7"), table_owner("illium2022_fig6")
    ('illium2022_fig6', 'illium2022_fig6')
    """
    owner = getattr(load(name), "TABLE", None)
    if owner is None:
        return name
    check_choice(f"TABLE of {name}", owner, names())
    if hasattr(load(owner), "TABLE"):
        raise ValueError(f"TABLE of {name} must name a figure with a table of its own, got {owner!r}; name its owner")
    return str(owner)


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


def grid(name: str, scale: str = "quick") -> Grid:
    """The cells of a figure at one scale.

    "quick" takes seconds, "paper" is the paper's grid; "reduced" is the part of it that ships where all of it takes
    hours, and for other figures the same as "paper".
    """
    return Grid.of(load(table_owner(name)).grid(check_choice("scale", scale, SCALES)))


def compute_rows(name: str, /, *, seed: int, **parameters: Any) -> list[dict[str, Any]]:
    """Rows of one cell of a figure: what a worker of its sweep computes."""
    return list(load(table_owner(name)).cell(seed=seed, **parameters))


def compute_cell(name: str, parameters: Mapping[str, Any], seed: int = 0) -> list[dict[str, Any]]:
    """Rows of one cell of a figure's grid, with the seed that the sweep gives it."""
    owner = table_owner(name)
    return compute_rows(owner, seed=cell_seed(owner, parameters, seed), **parameters)


def shipped(name: str) -> Path:
    """Where the table of a figure ships, under the name of its owner (:func:`table_owner`)."""
    return content_folder("paper_figures") / "data" / f"{table_owner(name)}.parquet"
