"""Networks trained for a claim or a figure: seeds from its generator, tables of their errors and learning curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from linmem.checks import check_generator, check_integer
from linmem.figures.learning_curves import curves, hitting_steps, train_curves

if TYPE_CHECKING:
    import pandas as pd

    from linmem.trained import MemoryTask

COLUMNS = ("cell", "layers", "cells", "position", "network_seed", "error", "solved", "diverged")
"""Columns of :func:`train_table`, as in the tables of :mod:`linmem.figures.distance_map`."""


def draw_seeds(rng: np.random.Generator, count: int) -> list[int]:
    """Seeds of ``count`` networks, uniform below 2^62.

    >>> len(set(draw_seeds(np.random.default_rng(0), 5)))
    5
    """
    generator, count = check_generator("rng", rng), check_integer("count", count, minimum=0)
    return generator.integers(2**62, size=count).tolist()


def definition_1(position: int) -> MemoryTask:
    """Definition 1 of Illium et al. (2022), with q ~ U{p..p+5} for p > 10, where the target would not exist otherwise.

    >>> definition_1(12).min_length
    12
    """
    from linmem.trained import MemoryTask

    return MemoryTask.definition_1(position, beyond="extend")


def train_table(
    networks: Iterable[tuple[int, int, int]],
    seeds: Sequence[int],
    steps: int,
    rate: float,
    task: Callable[[int], MemoryTask] = definition_1,
    schedule: str = "linear",
) -> pd.DataFrame:
    """Train tanh networks, each with every seed; a row for each, with the columns :data:`COLUMNS`.

    Parameters
    ----------
    networks : (layers, cells, position) of each.
    seeds : distinct seeds.
    steps, rate, schedule : of :class:`linmem.trained.TrainingSettings`.
    task : the task that belongs to a position.

    >>> train_table([(1, 2, 1)], seeds=[0, 1], steps=0, rate=0.1)["network_seed"].tolist()
    [0, 1]
    """
    import pandas as pd

    from linmem.trained import Architecture, NetworkSpec, train

    specs = [NetworkSpec(Architecture(cells=c, layers=layers), task(p)) for layers, c, p in networks]
    training = train(specs, seeds, steps=steps, rate=rate, schedule=schedule, records=1)
    return pd.DataFrame(training.rows()).rename(columns={"seed": "network_seed"})[list(COLUMNS)]


def train_curve_tables(
    cell: str,
    plan: Mapping[int, tuple[int, int]],
    rng: np.random.Generator,
    *,
    cells: int,
    batch_size: int,
    rate: float,
    level: float,
    task: Callable[[int], MemoryTask] = definition_1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train networks of one layer at a constant rate and keep their learning curves.

    Parameters
    ----------
    cell, cells : kind and number of cells.
    plan : number of networks and steps for each position.
    rng : generator of the networks' seeds.
    batch_size, rate : of the training.
    level : of the loss, whose first passage is timed.
    task : the task that belongs to a position.

    Returns
    -------
    The curves (columns of :mod:`linmem.figures.learning_curves`), and a row for each network: position, error, solved,
    steps (until the loss is below ``level``; infinity if never), hit (the same, or all steps if never) and decline (of
    the loss in the last fifth of the steps, from its mean over the fifth before).

    >>> losses, networks = train_curve_tables(
    ...     "rnn", {1: (2, 500)}, np.random.default_rng(0), cells=2, batch_size=8, rate=0.03, level=0.05
    ... )
    >>> networks["position"].tolist(), bool((networks["hit"] <= 500).all())
    ([1, 1], True)
    """
    import pandas as pd

    found, networks = list[pd.DataFrame](), list[pd.DataFrame]()
    for p, (count, steps) in plan.items():
        seeds = draw_seeds(rng, count)
        training = train_curves(cell, p, seeds, steps=steps, batch_size=batch_size, rate=rate, cells=cells, task=task)
        own = pd.DataFrame(curves(training))
        found.append(own)
        rows = pd.DataFrame(training.rows())[["position", "seed", "error", "solved"]]
        rows = rows.merge(hitting_steps(own, level)[["network_seed", "steps"]], left_on="seed", right_on="network_seed")
        fifth = len(training.losses) // 5
        before, last = (training.losses[-k * fifth :][:fifth].mean(axis=0) for k in (2, 1))
        networks.append(rows.assign(hit=rows["steps"].clip(upper=steps), decline=before - last))
    return pd.concat(found, ignore_index=True), pd.concat(networks, ignore_index=True)


def few_curves(table: pd.DataFrame, networks: int = 10) -> pd.DataFrame:
    """The curves of the first ``networks`` networks of each kind, rate and position of a table: enough to draw."""
    import pandas as pd

    order = table.groupby(["cell", "rate", "position"])["network_seed"].transform(lambda s: pd.factorize(s)[0])
    return table[order < networks].reset_index(drop=True)
