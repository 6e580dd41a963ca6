"""Claim of Illium et al. (2022) on a single cell: it learns the newest number, without recurrence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.statistics import Interval, mean_interval, proportion_interval
from linmem.trained import Architecture, MemoryTask, NetworkSpec, NetworkWeights, single_cell_floor, train
from linmem.trained.states import answers

NEWEST = np.linspace(0.0, 1.0, 21)  # newest numbers at which the answer is read


def _share(name: str, flags: np.ndarray, relation: str, bound: float) -> Measurement:
    interval = proportion_interval(int(np.sum(flags)), len(flags))
    return Measurement.from_interval(name, interval, relation, bound)


def _answers(network: NetworkWeights, rng: np.random.Generator, pasts: int) -> np.ndarray:
    """(past, x): answers to x = 0, .05, .., 1 after each of ``pasts`` random sequences of 9 to 14 numbers."""
    found: list[np.ndarray] = []
    for length in range(9, 15):
        past = rng.random((pasts // 6, length))
        series = np.concatenate([np.repeat(past, len(NEWEST), axis=0), np.tile(NEWEST, len(past))[:, None]], axis=1)
        found.append(answers(network, series).reshape(len(past), len(NEWEST)))
    return np.concatenate(found)


def _one_cell_evidence(
    scale: Scale, rng: np.random.Generator, position: int = 1, trained: bool = True, control: bool = False
) -> Evidence:
    """Networks of one cell on ``position`` and on later ones; networks of other sizes on ``position``."""
    steps, rate = scale.pick(quick=(8_000, 0.1), paper=(50_000, 0.03))
    steps = steps if trained else 0
    count, others, last = scale.pick(quick=(20, 8, 5), paper=(40, 5, 10))
    if control:
        count, others = 10, 2
    sizes, layers = scale.pick(quick=((1, 2, 3, 5), (1, 2, 3)), paper=((1, 2, 3, 5, 10), (1, 2, 3, 4, 5)))

    def run(shapes: Sequence[tuple[int, int]], positions: Sequence[int], networks: int) -> list[tuple[object, ...]]:
        specs = [
            NetworkSpec(Architecture(cells=c, layers=deep), MemoryTask.definition_1(p))
            for c, deep in shapes
            for p in positions
        ]
        training = train(specs, [int(seed) for seed in rng.integers(2**62, size=networks)], steps=steps, rate=rate)
        keys = [
            (n.spec.architecture.cells, n.spec.architecture.layers, n.spec.task.position) for n in training.networks
        ]
        found = zip(keys, training.errors, training.solved, training.weights, strict=True)
        return [(*key, error, solved, weights) for key, error, solved, weights in found]

    names = ["cells", "layers", "position", "error", "solved", "weights"]
    single = pd.DataFrame(run([(1, 1)], range(position, last + 1), count), columns=pd.Index(names))
    many = [(c, deep) for deep in layers for c in sizes if c * deep > 1]
    several = pd.DataFrame(run(many, [position], others), columns=pd.Index(names))
    own, beyond = single[single["position"] == position], single[single["position"] > position]
    spread, deviation = list[float](), list[float]()
    rows: list[dict[str, float | int]] = []
    for number, network in enumerate(own["weights"]):
        given = _answers(network, rng, 60)
        middle, varied = given.mean(axis=0), given.std(axis=0)
        spread.append(float(varied.max()))
        deviation.append(float(np.abs(middle - NEWEST).mean()))
        rows += [
            {"network": number, "input": x, "answer": a, "spread": s}
            for x, a, s in zip(NEWEST.tolist(), middle.tolist(), varied.tolist(), strict=True)
        ]
    floor = single_cell_floor()
    measurements = [
        _share("one cell: solved at the first position", own["solved"].to_numpy(), ">", 0.8),
        _share("one cell: solved at later positions", beyond["solved"].to_numpy(), "<", 0.1),
        Measurement.from_interval(
            "one cell: error above its floor", _shifted(mean_interval(own["error"]), floor), "<", 0.003
        ),
        Measurement.from_interval("one cell: mean distance from the identity", mean_interval(deviation), "<", 0.045),
        Measurement.from_interval(
            "one cell: largest deviation of the answer over the past, at a fixed newest number",
            mean_interval(spread),
            "<",
            0.01,
        ),
        _share("other sizes: solved at the first position", several["solved"].to_numpy(), ">", 0.8),
    ]
    note = f"{count} one-cell networks a position, {len(several)} others, {steps} steps; floor {floor:.4f}"
    return Evidence(measurements, table=pd.DataFrame(rows), note=note)


def _shifted(interval: Interval, by: float) -> Interval:
    return Interval(interval.value - by, interval.low - by, interval.high - by, interval.level, interval.n)


@claim(
    "illium2022/one-cell-learns-identity",
    source="illium2022",
    locator="Section 4, Figure 6",
    kind="statistical",
    statement=(
        r"The paper: “the 1-layer 1-cell network at the bottom left only learns to reproduce the last value of the "
        r"random sequence, which it can do without any recurrence by just learning the identity function. It is thus "
        r"clear why all RNNs manage to solve this instance.” Checked: one $\tanh$ cell solves $p = 1$ and no later "
        r"position. It learns $\tanh(wx+b)$ with the least error that this form allows, $0.038$ (the identity itself "
        r"is out of its reach: its answer to $x = 1$ is $0.84$), and what it answers to $x$ does not depend on the "
        r"numbers before. Networks of other sizes solve $p = 1$ too."
    ),
    assumptions=[
        r"summed outputs, torch's default initial weights, plain SGD, batches of 8, rate falling linearly to "
        r"zero: $0.1$ over 8000 steps at quick scale, $0.03$ over 50000 at paper scale",
        r"20 one-cell networks a position $p = 1, \dots, 5$ (paper scale: 40, to $p = 10$); 8 networks (5) of each of "
        r"11 (24) other sizes, 1 to 3 (5) layers of 1, 2, 3, 5 (10) cells",
        r"solved: mean absolute error on 12288 fresh sequences below $0.05$ for the single cell, $0.03$ for all others",
        r"dependence on the past: standard deviation of the answer over 60 random sequences of 9 to 14 earlier "
        r"numbers, largest over the newest number $x = 0, 0.05, \dots, 1$; means over networks",
        r"each interval at level $0.95$",
        r"“all” is read as “more than four in five”: no finite sample shows more than a fraction",
    ],
    depends=["illium2022/constant-predictor"],
)
def one_cell(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Errors, maps from the newest number to the answer, and solved shares."""
    return _one_cell_evidence(scale, rng)


@one_cell.control("p = 2 in the place of p = 1")
def one_cell_second(scale: Scale, rng: np.random.Generator) -> Evidence:
    """One cell does not solve p = 2, and its answer depends on the number before the newest."""
    return _one_cell_evidence(Scale.QUICK, rng, position=2, control=True)


@one_cell.control("untrained networks")
def one_cell_untrained(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check after no step."""
    return _one_cell_evidence(Scale.QUICK, rng, trained=False, control=True)
