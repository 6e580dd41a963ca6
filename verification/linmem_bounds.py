"""The measures of one network stand in an order, and the bounds of the memory report hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.figures.trained_networks import draw_seeds
from linmem.statistics import bonferroni_level, proportion_interval

if TYPE_CHECKING:
    import pandas as pd

    from linmem.analysis import StateModel
    from linmem.trained import Training

# --- the order of the measures ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """A network, the number n of states it is judged by, and whether it has learned to recall position n."""

    name: str
    model: object
    states: int
    full: bool = False


class HiddenLine:
    """A delay line of ``length`` steps that shows its last ``shown`` entries and keeps the others to itself."""

    def __init__(self, length: int, shown: int) -> None:
        self.length, self.shown = length, shown
        self.line = np.zeros((0, length))

    def __call__(self, states: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        before = self.line if len(self.line) == len(states) else np.zeros((len(states), self.length))
        self.line = np.concatenate([inputs[:, :1], before[:, :-1]], axis=1)
        return self.line[:, -self.shown :].copy()

    def model(self) -> StateModel:
        """The line as a network that declares the ``shown`` entries as its whole state."""
        from linmem.analysis import StateModel

        return StateModel("hidden line", self.shown, 1, self, answer=lambda x: x[:, -1])


def _trained(cell: str, cells: int, layers: int, position: int, seeds: list[int]) -> Training:
    """Networks after a short training on a position (Definition 1)."""
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    spec = NetworkSpec(Architecture(cell, cells, layers), MemoryTask.definition_1(position))
    return train(spec, seeds, steps=20_000, rate=0.1)


def _handful(scale: Scale, rng: np.random.Generator) -> list[Subject]:
    """Trained and random networks of all kinds."""
    from linmem.capacity.models import TanhReservoir
    from linmem.capacity.systems.connectivity import haar_orthogonal
    from linmem.trained import Architecture, initial_weights

    subjects: list[Subject] = []
    for _ in range(scale.pick(quick=2, paper=8)):
        seed = int(rng.integers(2**62))
        training = _trained("rnn", 3, 1, 3, [seed + i for i in range(4)])
        first = int(np.flatnonzero(training.solved)[0])
        subjects.append(Subject("trained rnn, c = p = 3", training.weights[first], 3, full=True))
        for name, cell, cells, layers, position in (
            ("trained rnn, l = 2, c = 2, p = 3", "rnn", 2, 2, 3),
            ("trained lstm, c = 2, p = 2", "lstm", 2, 1, 2),
            ("trained gru, c = 2, p = 2", "gru", 2, 1, 2),
        ):
            weights = _trained(cell, cells, layers, position, [seed]).weights[0]
            subjects.append(Subject(name, weights, weights.architecture.state_variables))
        for cell, cells in (("rnn", 5), ("lstm", 2), ("gru", 4)):
            weights = initial_weights(Architecture(cell, cells), seed)
            subjects.append(Subject(f"random {cell}, c = {cells}", weights, weights.architecture.state_variables))
        reservoir = TanhReservoir(0.9 * haar_orthogonal(8, rng), rng.uniform(-0.3, 0.3, 8))
        system = (0.8 * haar_orthogonal(6, rng), rng.standard_normal(6), rng.standard_normal(6))
        subjects += [Subject("tanh reservoir, n = 8", reservoir, 8), Subject("linear system, n = 6", system, 6)]
    return subjects


def _order_evidence(rng: np.random.Generator, subjects: list[Subject]) -> Evidence:
    """Distances and capacities of each network, in their order; an excess counts if the intervals do not overlap."""
    import pandas as pd

    from linmem.report import memory_report

    level = bonferroni_level(4 * len(subjects))
    rows: list[dict[str, Any]] = []
    for subject in subjects:
        series = rng.random(21_000)
        report = memory_report(
            subject.model, series, rng=rng, level=level, parts=("distance", "capacity", "information")
        )
        found: dict[str, Any] = {"network": subject.name, "states": subject.states, "full": subject.full}
        for name, key in KEYS.items():
            item = report.row(key)
            if item is not None and item.value is not None:
                found |= {name: item.value, f"{name}_low": item.low, f"{name}_high": item.high}
        rows.append(found)
    table = pd.DataFrame(rows)
    n, full = table["states"], table[table["full"]]

    def most(name: str, excess: pd.Series) -> Measurement:
        return Measurement(
            f"{name}, largest lower end", float(excess.max()), "<=", 0.0, level=level, n=int(excess.count())
        )

    def least(name: str, share: pd.Series, bound: tuple[float, float]) -> Measurement:
        return Measurement(f"{name}, least", float(share.min()), "in", bound, level=level, n=len(share))

    return Evidence(
        [
            most("own distance less that of the best read-out", table["own_low"] - table["fitted_high"]),
            most("distance of the best read-out less n", table["fitted_low"] - n),
            most("memory capacity less n", table["capacity_low"] - n),
            most("information-processing capacity less n", table["information_low"] - n),
            least("own distance over n, networks taught position n", full["own"] / full["states"], (1.0, 1.0)),
            least(
                "memory capacity over n, networks taught position n", full["capacity"] / full["states"], (0.98, 1.01)
            ),
        ],
        table=table,
        note=f"{len(subjects)} networks",
    )


KEYS = {
    "own": "distance.own",
    "fitted": "distance.fitted",
    "capacity": "capacity.total",
    "information": "capacity.information",
}
"""Columns of the table and keys of the report."""


@claim(
    "linmem/bridge-order",
    source="linmem",
    locator="order of distances and capacities",
    kind="statistical",
    statement=(
        r"For one network of $n$ state variables under uniform input: the distance of its own answer is at most that "
        r"of the best linear read-out of its state, and this at most $n$; its memory capacity and its "
        r"information-processing capacity are at most $n$. For one-layer $\tanh$ networks that have learned to recall "
        r"position $p = c$ the distances equal $n$, and the memory capacity is above $0.98\,n$."
    ),
    assumptions=[
        r"18 networks at quick scale, 72 at paper scale: trained RNN (one and two layers), LSTM, GRU; random RNN, "
        r"LSTM, GRU, an orthogonal $\tanh$ reservoir, a linear system; $n$ from 3 to 8, and $n = 2c$ for LSTM",
        r"distance: largest position with mean absolute error below $0.03$, in the course of a series of 20000 steps",
        r"information-processing capacity up to degree 3",
        r"an excess counts if the intervals do not overlap: at level $1 - 0.05/(4 \cdot \text{networks})$ each",
        r"a network without an answer (the reservoir) has no distance of its own",
    ],
    depends=["jaeger2001/capacity-bound", "dambre2012/total-capacity", "linmem/topological-limit"],
)
def bridge_order(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _order_evidence(rng, _handful(scale, rng))


@bridge_order.control("delay lines of 8 steps that declare 2 of their 8 numbers as the whole state")
def hidden_lines_break_the_distance(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _order_evidence(rng, [Subject("hidden line", HiddenLine(8, 2).model(), 2, full=True) for _ in range(3)])


@bridge_order.control("LSTM networks with n = c: the cell states are not counted")
def uncounted_cell_states_break_the_capacity(scale: Scale, rng: np.random.Generator) -> Evidence:
    seeds = draw_seeds(rng, 3)
    networks = _trained("lstm", 2, 1, 2, seeds).weights
    return _order_evidence(rng, [Subject("lstm, c = p = 2", one, 2, full=True) for one in networks])


# --- no bound is violated --------------------------------------------------------------------------------------------


def _crowd(scale: Scale, rng: np.random.Generator) -> list[tuple[str, object]]:
    """Kind and model of many small networks, trained and random."""
    from linmem.capacity.models import TanhReservoir
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, initial_weights, train

    shapes = [(Architecture(cells=c), p) for c in (1, 2, 3, 4) for p in (c, c + 1)]
    shapes += [
        (Architecture(cells=2, layers=2), 3),
        (Architecture(cells=2, layers=2, links="delayed"), 4),
        (Architecture("lstm", 1), 2),
        (Architecture("lstm", 2), 2),
        (Architecture("gru", 2), 2),
        (Architecture("gru", 3), 3),
    ]
    models: list[tuple[str, object]] = []
    trained, random, others = scale.pick(quick=(6, 5, 25), paper=(20, 20, 120))
    for architecture, position in shapes:
        seeds = draw_seeds(rng, trained + random)
        spec = NetworkSpec(architecture, MemoryTask.definition_1(position))
        training = train(spec, seeds[:trained], steps=10_000, rate=0.1, evaluation_size=1000)
        kept = [one for one, lost in zip(training.weights, training.diverged, strict=True) if not lost]
        models += [(f"trained {architecture.cell}", one) for one in kept]
        models += [(f"random {architecture.cell}", initial_weights(architecture, seed)) for seed in seeds[trained:]]
    for _ in range(others):
        n, radius = int(rng.integers(1, 7)), float(rng.uniform(0.3, 0.95))
        weights = rng.standard_normal((2, n, n))
        weights *= radius / np.abs(np.linalg.eigvals(weights)).max(axis=1)[:, None, None]
        reservoir = TanhReservoir(weights[0], rng.uniform(-1.0, 1.0, n))
        models += [
            ("random reservoir", reservoir),
            ("random linear system", (weights[1], rng.standard_normal(n), rng.standard_normal(n))),
        ]
    return models


def _bounds_evidence(rng: np.random.Generator, models: list[tuple[str, object]]) -> Evidence:
    """All rows with a bound of the report of each network; every fifth network with information-processing capacity."""
    import pandas as pd

    from linmem.report import memory_report

    level = bonferroni_level(10 * len(models))  # of each interval: no report of these parts has more than 10 bounds
    rows: list[dict[str, Any]] = []
    broken = 0
    for number, (kind, model) in enumerate(models):
        parts = ("distance", "capacity", "spectrum", *(("information",) if number % 5 == 0 else ()))
        report = memory_report(model, rng.random(21_000), rng=rng, level=level, parts=parts)
        broken += bool(report.violations)
        rows += [
            {"network": number, "kind": kind, "quantity": item.key, "value": item.value, "low": item.low,
             "bound": item.bound, "violated": item.violated}
            for item in report.rows
            if item.bound is not None and item.value is not None
        ]  # fmt: skip
    table, count = pd.DataFrame(rows), len(models)
    intact = proportion_interval(count - broken, count)
    judged = int(table.groupby("network").size().max())
    return Evidence(
        [
            Measurement(
                "bounds violated by a whole interval", int(table["violated"].sum()), "==", 0, level=level, n=count
            ),
            Measurement.from_interval("share of networks without a violated bound", intact, ">", 0.98),
            Measurement("bounds of one network, most", judged, "<=", 10),
        ],
        table=table,
        note=f"{count} networks, {len(table)} bounds",
    )


@claim(
    "linmem/bounds-never-violated",
    source="linmem",
    locator="bounds of the memory report",
    kind="statistical",
    statement=(
        r"Over more than 200 random and trained networks no bound of the memory report is violated beyond its "
        r"interval: distances of the answer, of the top layer and of the whole state at most $n$ (for the answer of "
        r"stacks of $\tanh$ layers $c\,l - (l-1)$, with delayed links $c\,l$); memory capacity with and without noise, "
        r"linearised capacity and information-processing capacity at most $n$; largest lag held by half in linear "
        r"systems at most $2n - 1$. So the share of such networks that violate one is below 2 %, at level 0.95."
    ),
    assumptions=[
        r"RNN of one and two layers (same-step and delayed links), LSTM, GRU, trained and untrained; $\tanh$ "
        r"reservoirs and linear systems with normal weights and spectral radius $0.3$ to $0.95$; $n \le 6$",
        r"204 networks at quick scale, 800 at paper scale, less those whose training diverged; 20000 states each, "
        r"uniform input",
        r"every fifth network: information-processing capacity to degree 3",
        r"each interval at level $1 - 0.05/(10 \cdot \text{networks})$, so that all hold together at level 0.95",
    ],
    depends=["linmem/bridge-order"],
)
def bounds_never_violated(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _bounds_evidence(rng, _crowd(scale, rng))


@bounds_never_violated.control("delay lines that hide most of their state")
def hidden_states_violate_bounds(scale: Scale, rng: np.random.Generator) -> Evidence:
    lengths = rng.integers(5, 9, size=12)
    return _bounds_evidence(rng, [("hidden line", HiddenLine(int(length), 2).model()) for length in lengths])
