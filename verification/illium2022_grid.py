"""Claims of Illium et al. (2022) on their grid of tanh networks: which of layers, cells and position are memorised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.statistics import mean_interval, proportion_interval

if TYPE_CHECKING:
    import pandas as pd

    from linmem.trained import MemoryTask

LEVEL = 0.95  # of all intervals of one claim together (Bonferroni where there are several)
QUICK_POSITIONS = (1, 2, 3, 4, 6, 9)  # of difficulty-monotone at quick scale


def _definition_1(position: int) -> MemoryTask:
    """Definition 1, with q ~ U{p..p+5} for p > 10, where the target would not exist otherwise."""
    from linmem.trained import MemoryTask

    return MemoryTask.definition_1(position, beyond="extend")


def _train(
    networks: Iterable[tuple[int, int, int]],
    seeds: Sequence[int],
    steps: int,
    rate: float,
    task: Callable[[int], MemoryTask] = _definition_1,
    schedule: str = "linear",
) -> pd.DataFrame:
    """Train tanh networks given as (layers, cells, position), each with every seed; columns as of the figures' maps."""
    import pandas as pd

    from linmem.trained import Architecture, NetworkSpec, train

    specs = [NetworkSpec(Architecture(cells=c, layers=layers), task(p)) for layers, c, p in networks]
    training = train(specs, seeds, steps=steps, rate=rate, schedule=schedule, records=1)
    table = pd.DataFrame(training.rows()).rename(columns={"seed": "network_seed"})
    return table[["cell", "layers", "cells", "position", "network_seed", "error", "solved", "diverged"]]


def _seeds(rng: np.random.Generator, count: int) -> list[int]:
    return [int(seed) for seed in rng.integers(2**62, size=count)]


def _shape(layers: int, cells: int) -> str:
    return f"l = {layers}, c = {cells}"


# --- difficulty rises with the position ------------------------------------------------------------------------------


def _monotone_evidence(
    shapes: Sequence[tuple[int, int]],
    positions: Sequence[int],
    seeds: Sequence[int],
    steps: int,
    rate: float,
    task: Callable[[int], MemoryTask] = _definition_1,
) -> Evidence:
    """Rise of the mean error from position to position, and for each shape the share of pairs p < p' in order.

    One value for each seed: the rise averaged over the shapes, the share of pairs with a larger error at p'.
    """
    table = _train([(layers, c, p) for layers, c in shapes for p in positions], seeds, steps, rate, task)
    level = 1 - (1 - LEVEL) / (len(positions) - 1 + len(shapes))
    means = table.groupby(["network_seed", "position"])["error"].mean().unstack("position")
    measurements = [
        Measurement.from_interval(
            f"rise of the error from p = {p} to p = {q}", mean_interval(means[q] - means[p], level), ">", 0.0
        )
        for p, q in pairwise(positions)
    ]
    for layers, c in shapes:
        own = table[(table["layers"] == layers) & (table["cells"] == c)]
        errors = own.pivot_table(index="network_seed", columns="position", values="error")
        ordered = np.mean([errors[q] > errors[p] for p, q in combinations(positions, 2)], axis=0)
        name = f"{_shape(layers, c)}: share of pairs of positions in order"
        interval = mean_interval(ordered, level)
        measurements.append(Measurement.from_interval(name, replace(interval, high=min(interval.high, 1.0)), ">", 0.75))
    return Evidence(measurements, table=table, note=f"{len(seeds)} networks for each shape and position, {steps} steps")


@claim(
    "illium2022/difficulty-monotone",
    source="illium2022",
    locator="Section 4, Figure 6",
    kind="statistical",
    statement=(
        r"The paper: “we can clearly see a monotone increase in difficulty when increasing the position”. Checked: the "
        r"mean absolute error of trained $\tanh$ networks, averaged over the shapes $(l, c)$, rises from each position "
        r"to the next one looked at; and for each shape more than three quarters of the pairs $p < p'$ of positions "
        r"have the larger error at $p'$ (one half if position made no difference, all if the order were strict for "
        r"every single network)."
    ),
    assumptions=[
        r"definition 1 with $p \le 9$: at $p = 10$ the target is always one of $x_1, \dots, x_6$ and the initial state "
        r"marks the start; this helps, and from $p = 9$ to $p = 10$ no rise was found (up to 5 cells)",
        r"quick scale: $l = 1$ with $c = 1, \dots, 4$ and $l = c = 2$; rises between the positions 1, 2, 3, 4, 6, 9 "
        r"(farther back the error rises more slowly), 12 networks each, 8000 steps; paper scale: $c = 1, \dots, 7$ in "
        r"one layer, 2, 3, 4 in two and 2, 3 in three, all positions to 9, 10 networks each, 50000 steps",
        r"independent seeds; the intervals hold together at 95 %",
    ],
    expected="holds with assumption",
    figure="illium2022_fig6",
)
def difficulty_monotone(scale: Scale, rng: np.random.Generator) -> Evidence:
    one_layer = [(1, c) for c in range(1, scale.pick(quick=5, paper=8))]
    stacks = scale.pick(quick=[(2, 2)], paper=[(2, 2), (2, 3), (2, 4), (3, 2), (3, 3)])
    positions = scale.pick(quick=QUICK_POSITIONS, paper=tuple(range(1, 10)))
    steps, rate = scale.pick(quick=(8_000, 0.1), paper=(50_000, 0.03))
    seeds = _seeds(rng, scale.pick(quick=12, paper=10))
    return _monotone_evidence(one_layer + stacks, positions, seeds, steps, rate)


@difficulty_monotone.control(
    "sequences of nine numbers each: two cells find the ninth from last, the first, by counting"
)
def difficulty_monotone_fixed_length(scale: Scale, rng: np.random.Generator) -> Evidence:
    from linmem.trained import MemoryTask

    task = partial(MemoryTask.fixed, length=9)
    return _monotone_evidence([(1, 2)], QUICK_POSITIONS, _seeds(rng, 40), 8_000, 0.1, task)


# --- few errors in between -------------------------------------------------------------------------------------------


def _share_between(table: pd.DataFrame, low: float, high: float, bound: float) -> Measurement:
    inside = table["error"].between(low, high)
    interval = proportion_interval(int(inside.sum()), len(table), LEVEL)
    return Measurement.from_interval(f"share of networks with an error in [{low}, {high}]", interval, "<", bound)


def _transition_evidence(networks: Sequence[tuple[int, int, int]], seeds: Sequence[int], scale: Scale) -> Evidence:
    import pandas as pd

    steps, rate = scale.pick(quick=(8_000, 0.1), paper=(50_000, 0.03))
    parts = [_train([network], [seed], steps, rate) for network, seed in zip(networks, seeds, strict=True)]
    table = pd.concat(parts, ignore_index=True)
    below, above = (table["error"] < 0.05).mean(), (table["error"] > 0.2).mean()
    note = f"{len(table)} networks, {steps} steps: {below:.1%} below 0.05, {above:.1%} above 0.2"
    return Evidence([_share_between(table, 0.05, 0.2, 1 / 3)], table=table, note=note)


@claim(
    "illium2022/transition-sharp",
    source="illium2022",
    locator="Section 4, Figures 6 and 7",
    kind="statistical",
    statement=(
        r"The paper: “the number of instances resulting in average losses of around $[0.05; 0.2]$ (colored in light "
        r"blue, green) is relatively small”. Checked on random points $(l, c, p)$ of the paper's grid: less than a "
        r"third of the networks end with an error in $[0.05, 0.2]$, which is less than an equal share of the three "
        r"classes that the paper tells apart (reproduced, between, barely better than the constant)."
    ),
    assumptions=[
        r"instances: $l$, $c$, $p$ uniform on $1..5$, $1..20$, $1..20$, one network each; most of the grid lies far "
        r"from the largest position that a shape can memorise. Next to it, at $p = cl - (l-1) + 1$, nearly all errors "
        r"are in the band: the share says more of the grid than of a gap between outcomes",
        r"“relatively small” is read as less than a third; quick scale: 60 instances, 8000 steps from rate 0.1; paper "
        r"scale: 240 instances, 50000 steps from rate 0.03; interval at 95 %",
    ],
    expected="holds with assumption",
)
def transition_sharp(scale: Scale, rng: np.random.Generator) -> Evidence:
    count = scale.pick(quick=60, paper=240)
    networks = [(int(layers), int(c), int(p)) for layers, c, p in rng.integers(1, [6, 21, 21], size=(count, 3))]
    return _transition_evidence(networks, _seeds(rng, count), scale)


@transition_sharp.control("only positions one beyond the largest that a linear stack of the shape recalls")
def transition_sharp_frontier(scale: Scale, rng: np.random.Generator) -> Evidence:
    networks = [(layers, c, c * layers - (layers - 1) + 1) for layers in (1, 2) for c in (2, 3, 4)] * 4
    return _transition_evidence(networks, _seeds(rng, len(networks)), scale)


# --- an empty gap above the threshold of "memorised" -----------------------------------------------------------------


def _gap_evidence(scale: Scale, seeds: Sequence[int], schedule: str = "linear") -> Evidence:
    shapes = scale.pick(
        quick=[(1, c) for c in range(2, 6)], paper=[(1, c) for c in range(2, 7)] + [(2, 2), (2, 3), (3, 2)]
    )
    steps, rate = scale.pick(quick=(8_000, 0.1), paper=(50_000, 0.03))
    networks = [(layers, c, p) for layers, c in shapes for p in range(1, 10)]
    table = _train(networks, seeds, steps, rate, schedule=schedule)
    return Evidence([_share_between(table, 0.03, 0.1, 0.02)], table=table, note=f"{len(table)} networks, {steps} steps")


@claim(
    "linmem/solved-gap-empty",
    source="linmem",
    locator="Correction of Illium et al. (2022), Section 4",
    kind="statistical",
    statement=(
        r"Trained with a learning rate that falls to zero, fewer than 2 % of $\tanh$ networks of two to six cells end "
        r"with an error in $[0.03, 0.1]$: below lie those that memorise the position, above those that stall. So the "
        r"threshold $0.03$ of “memorised” decides nothing by chance. (The paper names $[0.05, 0.2]$; stalled networks "
        r"lie in it.)"
    ),
    assumptions=[
        r"at most six cells in all layers: with more, networks one position beyond their limit stall below $0.1$ on "
        r"such short sequences (at $0.05$ with nine cells); one cell alone cannot get below $0.038$",
        r"definition 1, positions 1 to 9; quick scale: one layer of 2 to 5 cells, 8000 steps from rate 0.1; paper "
        r"scale: one layer of 2 to 6 cells, two of 2 or 3 and three of 2, 50000 steps from rate 0.03; 8 networks for "
        r"each position; interval at 95 %",
    ],
    depends=["illium2022/transition-sharp"],
)
def solved_gap_empty(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _gap_evidence(scale, _seeds(rng, 8))


@solved_gap_empty.control("a learning rate that stays at its first value: the weights keep moving")
def solved_gap_empty_constant_rate(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _gap_evidence(Scale.QUICK, _seeds(rng, 2), schedule="constant")


# --- more cells and more layers --------------------------------------------------------------------------------------


def _growth_evidence(
    steps_up: Sequence[tuple[tuple[int, int], tuple[int, int]]], seeds: Sequence[int], scale: Scale
) -> Evidence:
    """For each pair of shapes: one position beyond the limit of the smaller, who memorises it?"""
    import pandas as pd

    from linmem.trained import Architecture

    pairs = [(low, high, Architecture(cells=low[1], layers=low[0]).linear_distance + 1) for low, high in steps_up]
    networks = sorted({(*shape, p) for small, large, p in pairs for shape in (small, large)})
    parts: list[pd.DataFrame] = []
    for layers in sorted({network[0] for network in networks}):
        own = [network for network in networks if network[0] == layers]
        one = layers == 1
        steps, rate = scale.pick(quick=(15_000 if one else 25_000, 0.1), paper=(50_000 if one else 150_000, 0.03))
        parts.append(_train(own, seeds, steps, rate))
    table = pd.concat(parts, ignore_index=True)
    level = 1 - (1 - LEVEL) / (2 * len(pairs))
    measurements: list[Measurement] = []
    for small, large, p in pairs:
        for (layers, c), relation in ((small, "<"), (large, ">")):
            own = table[(table["layers"] == layers) & (table["cells"] == c) & (table["position"] == p)]
            interval = proportion_interval(int(own["solved"].sum()), len(own), level)
            name = f"{_shape(*small)} to {_shape(*large)}, p = {p}: share solved by {_shape(layers, c)}"
            measurements.append(Measurement.from_interval(name, interval, relation, 0.5))
    return Evidence(measurements, table=table, note=f"{len(seeds)} networks for each shape and position")


@claim(
    "illium2022/more-cells-more-memory",
    source="illium2022",
    locator="Section 4, Figure 6",
    kind="statistical",
    statement=(
        r"The paper: “more cells and more layers (which also bring more cells to the table) clearly help in solving "
        r"the memorization task”. Checked as strict growth of the distance, the largest position that more than half "
        r"of the networks memorise: from $c$ to $c + 1$ cells in one layer, and from $l$ to $l + 1$ layers of "
        r"$c \ge 2$ cells, the larger shape memorises the position that is one beyond the limit $p = cl - (l-1)$ of "
        r"the smaller one, which does not."
    ),
    assumptions=[
        r"layers of at least two cells: a further layer of one cell adds nothing (control)",
        r"definition 1; quick scale: $c = 1, \dots, 4$ in one layer, $l = 1, 2, 3$ for $c = 2$ and $l = 1, 2$ for "
        r"$c = 3$, 15000 steps (25000 for stacks); paper scale: $c = 1, \dots, 7$ in one layer, $l = 1, \dots, 4$ for "
        r"$c = 2$ and $l = 1, 2, 3$ for $c = 3$, 50000 steps (150000 for stacks)",
        r"20 networks for each shape and position; the intervals hold together at 95 %",
    ],
    expected="holds with assumption",
)
def more_cells(scale: Scale, rng: np.random.Generator) -> Evidence:
    cells = [((1, c), (1, c + 1)) for c in range(1, scale.pick(quick=4, paper=7))]
    tallest = scale.pick(quick={2: 3, 3: 2}, paper={2: 4, 3: 3})
    layers = [((number, c), (number + 1, c)) for c, top in tallest.items() for number in range(1, top)]
    return _growth_evidence(cells + layers, _seeds(rng, 20), scale)


@more_cells.control("layers of one cell: two of them remember no more than one")
def more_cells_of_one(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _growth_evidence([((1, 1), (2, 1))], _seeds(rng, 20), Scale.QUICK)


# --- c cells and position c ------------------------------------------------------------------------------------------


def _diagonal_evidence(scale: Scale, seeds: Sequence[int], beyond: int) -> Evidence:
    """One layer of c cells trained for p = c + beyond: share that memorises it, for each c and pooled."""
    sizes = range(1, scale.pick(quick=5, paper=11))
    steps, rate = scale.pick(quick=(15_000, 0.1), paper=(50_000, 0.03))
    table = _train([(1, c, c + beyond) for c in sizes], seeds, steps, rate)
    level = 1 - (1 - LEVEL) / (len(sizes) + 1)
    solved = table.groupby("cells")["solved"].sum()
    measurements = [
        Measurement.from_interval(
            f"c = {c}: share solved", proportion_interval(int(solved[c]), len(seeds), level), ">", 0.75
        )
        for c in sizes
    ]
    pooled = proportion_interval(int(table["solved"].sum()), len(table), level)
    measurements.append(Measurement.from_interval("all c together: share solved", pooled, ">", 0.9))
    return Evidence(measurements, table=table, note=f"{len(seeds)} networks for each c, {steps} steps")


@claim(
    "illium2022/c-cells-solve-p-equals-c",
    source="illium2022",
    locator="Section 4",
    kind="statistical",
    statement=(
        r"The paper: “Within our result data, a one-layer network with $c = n$ cells can always memorize the "
        r"$n$th-from-last position ($p = n$) very well.” Checked as a statement on proportions: more than nine in ten "
        r"of all networks with $p = c$, and more than three in four for each $c$, end with a mean absolute error below "
        r"$0.03$ ($0.05$ for $c = 1$)."
    ),
    assumptions=[
        r"“always” is read as “in more than nine of ten trainings”; literally it does not hold, see "
        r"linmem/always-is-not-every-time",
        r"definition 1; quick scale: $c = 1, \dots, 4$, 60 networks each, 15000 steps from rate 0.1; paper scale: "
        r"$c = 1, \dots, 10$, 100 networks each, 50000 steps from rate 0.03; the intervals hold together at 95 %",
    ],
    expected="holds with assumption",
    depends=["illium2022/distance-one-layer"],
)
def diagonal(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _diagonal_evidence(scale, _seeds(rng, scale.pick(quick=60, paper=100)), beyond=0)


@diagonal.control("position c + 1 in the place of c")
def diagonal_one_beyond(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _diagonal_evidence(Scale.QUICK, _seeds(rng, 20), beyond=1)


def _left_behind_evidence(scale: Scale, seeds: Sequence[int], position: int) -> Evidence:
    """Share of networks of five cells that do not memorise a position."""
    steps, rate = scale.pick(quick=(8_000, 0.1), paper=(50_000, 0.03))
    table = _train([(1, 5, position)], seeds, steps, rate)
    interval = proportion_interval(int((~table["solved"]).sum()), len(table), LEVEL)
    measurement = Measurement.from_interval("share of networks that do not memorise p", interval, ">", 0.02)
    return Evidence([measurement], table=table, note=f"{len(table)} networks of 5 cells, p = {position}, {steps} steps")


@claim(
    "linmem/always-is-not-every-time",
    source="linmem",
    locator="Correction of Illium et al. (2022), Section 4",
    kind="statistical",
    statement=(
        r"More than one in fifty of the one-layer $\tanh$ networks with $c = 5$ cells do not memorise $p = 5$, though "
        r"most do with the same settings: from some initial weights and data, training does not leave a plateau. So "
        r"“always” in the paper's sentence on $c = n$, $p = n$ is not to be read literally."
    ),
    assumptions=[
        r"torch's default initial weights; quick scale: 100 networks, 8000 steps from rate 0.1; paper scale: 400 "
        r"networks, 50000 steps from rate 0.03; interval at 95 %. More steps make such networks fewer",
    ],
    depends=["illium2022/c-cells-solve-p-equals-c"],
)
def left_behind(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _left_behind_evidence(scale, _seeds(rng, scale.pick(quick=100, paper=400)), position=5)


@left_behind.control("the last number, p = 1, in the place of p = 5")
def left_behind_last_number(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _left_behind_evidence(Scale.QUICK, _seeds(rng, 200), position=1)
