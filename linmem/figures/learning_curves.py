"""Learning curves of trained networks: computing, thinning, timing, drawing and comparing them.

A table has one row for each window of each curve, with the columns ``cell``, ``rate``, ``position``, ``network_seed``,
``step`` (steps done at the end of the window) and ``loss`` (mean training loss over the window). Windows grow in
proportion to the steps done, so that early and late events are resolved alike on a logarithmic axis. A network is named
by its architecture, task and seed alone, so that any user of :func:`linmem.trained.train` gets it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import BoundaryNorm, Colormap

    from linmem.trained import MemoryTask, Training

RECORD_STEPS = 50  # steps in a record of the loss; the first windows are as short
WINDOWS = 80  # of a curve, at most
CONSTANT_ERROR = 0.25
KEYS = ("cell", "rate", "position", "network_seed", "step")


def log_windows(
    loss_steps: ArrayLike, losses: ArrayLike, count: int = WINDOWS
) -> tuple[Float[np.ndarray, "window"], Float[np.ndarray, "window network"]]:
    """Merge the records of loss curves to at most ``count`` windows whose ends are spread evenly in log steps.

    Where the records are too long for that, a window is one record. Means are weighted by the steps of the records.

    Parameters
    ----------
    loss_steps, losses : (record,) and (record, network) as in :class:`linmem.trained.Training`.
    count : number of windows asked for, at least 1.

    Returns
    -------
    Steps done at the end of each window (the last one is that of the records), mean losses.

    Raises
    ------
    ValueError, TypeError : for steps that do not increase from above zero, or shapes that do not fit.

    >>> ends, means = log_windows([1, 2, 3, 4, 5, 6, 7, 8], np.arange(8.0)[:, None], count=4)
    >>> ends.tolist(), means.ravel().tolist()
    ([1.0, 2.0, 4.0, 8.0], [0.0, 1.0, 2.5, 5.5])
    """
    ends, wanted = check_array("loss_steps", loss_steps, ndim=1), check_integer("count", count, minimum=1)
    values = np.asarray(losses, dtype=np.float64)
    steps = np.diff(ends, prepend=0.0)
    if len(ends) == 0 or (steps <= 0).any() or values.ndim != 2 or len(values) != len(ends):
        raise ValueError(
            "loss_steps (record,) must increase from above zero and losses have shape (record, network), got shapes "
            f"{ends.shape} and {values.shape}; pass training.loss_steps and training.losses"
        )
    aims = np.geomspace(ends[0], ends[-1], wanted)[:-1] if wanted > 1 else np.array([])
    # the record whose end lies nearest to each aim; the last record always ends a window
    nearest = np.abs(ends[:, None] - aims).argmin(axis=0)
    last = np.unique(np.append(nearest, len(ends) - 1))
    sums = np.cumsum(values * steps[:, None], axis=0)[last]
    return ends[last], np.diff(sums, axis=0, prepend=0.0) / np.diff(ends[last], prepend=0.0)[:, None]


def curves(training: Training) -> list[dict[str, Any]]:
    """Rows of the loss curves of a training, one for each window and network."""
    ends, losses = log_windows(training.loss_steps, training.losses)
    return [
        {
            "cell": network.spec.architecture.cell,
            "rate": training.settings.rate,
            "position": network.spec.task.position,
            "network_seed": network.seed,
            "step": int(end),
            "loss": float(loss),
        }
        for network, own in zip(training.networks, losses.T, strict=True)
        for end, loss in zip(ends, own, strict=True)
    ]


def train_curves(
    cell: str,
    position: int,
    seeds: Sequence[int],
    *,
    steps: int,
    batch_size: int,
    rate: float,
    cells: int = 5,
    task: Callable[[int], MemoryTask] | None = None,
) -> Training:
    """Train one layer of ``cells`` cells at a constant rate, with the records of the loss that :func:`curves` wants.

    Parameters
    ----------
    cell : "rnn", "lstm" or "gru".
    position : p, from 1 to 10.
    seeds : of the networks.
    steps, batch_size, rate : of plain SGD.
    cells : c.
    task : the task of a position; default definition 1.

    Cost: with the native engine some 5 (rnn) or 16 (lstm) microseconds a step and network at 5 cells and batches of 32.
    """
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    spec = NetworkSpec(Architecture(cell, cells), (task or MemoryTask.definition_1)(position))
    records = max(1, steps // RECORD_STEPS)
    return train(spec, seeds, steps=steps, batch_size=batch_size, rate=rate, schedule="constant", records=records)


def hitting_steps(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Steps at the end of the first window under ``level``, infinity if there is none; a row for each network.

    Parameters
    ----------
    table : rows as :func:`curves` gives them.
    level : of the loss.
    """
    import pandas as pd

    from linmem.trained import first_below

    names = ["cell", "rate", "position", "network_seed"]
    rows = [
        [*key, first_below(own["step"].to_numpy(float), own["loss"].to_numpy()[:, None], level)[0]]
        for key, own in table.sort_values("step").groupby(names, sort=True)
    ]
    return pd.DataFrame(rows, columns=pd.Index([*names, "steps"]))


def position_colours(positions: int) -> tuple[Colormap, BoundaryNorm]:
    """One colour a position, told apart by readers with colour deficiencies and by their lightness in grey."""
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap

    shades = colormaps["viridis"](np.linspace(0.0, 0.95, max(positions, 2)))
    return ListedColormap(shades), BoundaryNorm(np.arange(0.5, max(positions, 2) + 1.0), max(positions, 2))


def draw_curves(axes: Axes, table: pd.DataFrame, solved: float) -> None:
    """Loss against steps, one line a network and one colour a position, with the constant's error and ``solved``."""
    from matplotlib.cm import ScalarMappable

    largest = int(table["position"].max())
    colours, norm = position_colours(largest)
    for _, own in table.sort_values("step").groupby(["position", "network_seed"], sort=True):
        colour = colours(norm(int(own["position"].iloc[0])))
        axes.plot(own["step"], own["loss"], color=colour, linewidth=0.7, alpha=0.9)
    first, last = float(table["step"].min()), float(table["step"].max())
    for height, words in ((CONSTANT_ERROR, "constant answer"), (solved, "solved below")):
        axes.axhline(height, color="0.25", linestyle="--", linewidth=0.8)
        above = height == CONSTANT_ERROR
        axes.annotate(
            words,
            (last, height),
            xytext=(-3, 2 if above else -2),
            textcoords="offset points",
            ha="right",
            va="bottom" if above else "top",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    axes.set_ylim(0.0, 0.3)
    axes.set_xlabel("steps of training")
    axes.set_ylabel("mean absolute error in training")
    figure = axes.figure
    bar = figure.colorbar(
        ScalarMappable(norm, colours),
        ax=axes,
        label="position from the end, $p$",
        pad=0.02,
        ticks=range(1, largest + 1),
    )
    bar.outline.set_visible(False)  # pyright: ignore
    bar.ax.tick_params(length=0, which="both")


def curves_agree(
    shipped: pd.DataFrame, fresh: pd.DataFrame, level: float = 0.05, tolerance: float = 0.01, factor: float = 1.25
) -> bool:
    """Whether two tables hold the same networks with curves that agree as far as processors do.

    Equal seeds give equal initial weights and data, but training magnifies rounding, which differs between processors
    and shifts the step at which a network leaves its plateau: judged are the MEDIAN difference of the losses, against a
    fifth of the level, and the ratio of the median steps to the level, where more than half of the networks reach it.

    Parameters
    ----------
    shipped, fresh : the tables.
    level : loss whose hitting times are compared.
    tolerance : largest median difference of the losses.
    factor : largest ratio of the median steps to the level, either way.
    """
    if set(shipped.columns) != set(fresh.columns) or len(shipped) != len(fresh):
        return False
    one, two = (table.sort_values(list(KEYS)).reset_index(drop=True) for table in (shipped, fresh))
    if not all((one[key] == two[key]).all() for key in KEYS):
        return False
    early, late = sorted(float(hitting_steps(table, level)["steps"].median()) for table in (one, two))
    return float((one["loss"] - two["loss"]).abs().median()) < tolerance and (
        early == late or late <= factor * early < np.inf
    )
