"""What the theories of memory and of training say about one and the same network: a delay line, a full capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.figures.trained_networks import draw_seeds
from linmem.statistics import bonferroni_level

if TYPE_CHECKING:
    from linmem.analysis import Linearisation
    from linmem.trained import NetworkWeights

SETTINGS = {3: (8_000, 0.1), 5: (50_000, 0.03), 7: (50_000, 0.03)}
"""Steps and first learning rate for c cells trained on position p = c."""


def _solved(cells: int, seeds: list[int]) -> tuple[list[int], list[NetworkWeights]]:
    """Networks of one layer trained on position p = c (Definition 1): seeds and weights of those that solved it."""
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    steps, rate = SETTINGS[cells]
    spec = NetworkSpec(Architecture(cells=cells), MemoryTask.definition_1(cells))
    training = train(spec, seeds, steps=steps, rate=rate)
    kept = np.flatnonzero(training.solved)
    return [seeds[i] for i in kept], [training.weights[i] for i in kept]


def _untrained(cells: int, seeds: list[int]) -> list[NetworkWeights]:
    """The same networks before the first step."""
    from linmem.trained import Architecture, initial_weights

    return [initial_weights(Architecture(cells=cells), seed) for seed in seeds]


# --- the trained network is a delay line -----------------------------------------------------------------------------

BANDS: dict[str, tuple[str, float | tuple[float, float]]] = {
    "kernel at lag p - 1": ("in", (1.0, 1.2)),
    "largest |kernel| at another lag": ("<", 0.1),
    "least memory of lags 0 to c - 1": (">", 0.99),
    "largest memory of a later lag": ("<", 0.01),
    "norm of the c-th power of A": ("<", 0.15),
    "spectral radius of A": (">", 0.05),
}
"""What is judged of each network: relation and bound."""


def _delay_numbers(found: Linearisation, kernel: np.ndarray, memory: np.ndarray) -> dict[str, float]:
    """The numbers of :data:`BANDS` for one network whose every state is a cell (n = c)."""
    c = len(found.A)
    numbers = (
        kernel[c - 1],
        np.abs(np.delete(kernel, c - 1)).max(),
        memory[:c].min(),
        memory[c:].max(),
        np.linalg.norm(np.linalg.matrix_power(found.A, c), 2),
        found.radius,
    )
    return {name: float(number) for name, number in zip(BANDS, numbers, strict=True)}


def _delay_evidence(scale: Scale, rng: np.random.Generator, networks: str) -> Evidence:
    """Linearise networks of c cells at their fixed point for the input 1/2; means over the networks of each c.

    ``networks``: "trained" (those that solved p = c), "untrained", or "orthogonal" (0.95 times a random rotation, a
    random unit vector for the input, summed states).
    """
    import pandas as pd

    from linmem.analysis import linearise
    from linmem.capacity.systems.connectivity import haar_orthogonal

    count = scale.pick(quick=16, paper=60)
    level = bonferroni_level(len(SETTINGS) * len(BANDS) + 1)
    measurements: list[Measurement] = []
    rows: list[dict[str, Any]] = []
    inside: list[bool] = []
    words: list[str] = []
    for c in SETTINGS:
        seeds = draw_seeds(rng, count)
        if networks == "orthogonal":
            masks = [mask / np.linalg.norm(mask) for mask in rng.standard_normal((count, c))]
            models = [(0.95 * haar_orthogonal(c, rng), mask, np.ones(c)) for mask in masks]
        elif networks == "untrained":
            models = _untrained(c, seeds)
        else:
            seeds, models = _solved(c, seeds)
        words.append(f"{len(models)} of {count} for c = {c}")
        judged: list[dict[str, float]] = []
        for seed, model in zip(seeds, models, strict=True):
            found = linearise(model)
            kernel, memory = np.asarray(found.kernel(3 * c)), found.memory_curve(3 * c - 1).values
            numbers = _delay_numbers(found, kernel, memory)
            judged.append(numbers)
            inside.append(all(Measurement(name, numbers[name], *BANDS[name]).verdict == "holds" for name in BANDS))
            rows += [
                {"cells": c, "seed": seed, "lag": k, "kernel": h, "memory": m, "radius": found.radius}
                for k, (h, m) in enumerate(zip(kernel.tolist(), memory.tolist(), strict=True))
            ]
        for name, (relation, bound) in BANDS.items():
            samples = [numbers[name] for numbers in judged]
            measurements.append(Measurement.of_mean(f"{name}, mean, c = {c}", samples, relation, bound, level))
    measurements.append(Measurement.of_share("share of networks within all of these bands", inside, ">", 0.8, level))
    return Evidence(measurements, table=pd.DataFrame(rows), note=f"networks judged: {', '.join(words)}")


@claim(
    "linmem/trained-network-is-a-delay-line",
    source="linmem",
    locator="linearisation of trained networks",
    kind="statistical",
    statement=(
        r"Near rest (constant input $\frac12$) a $\tanh$ network of $c$ cells that has learned to recall position "
        r"$p = c$ is a delay line. The kernel $\mathbf 1^\top A^k B$ of its linearisation is between $1$ and $1.2$ at "
        r"$k = p - 1$ and below $0.1$ in magnitude at every other lag; in the linear network $(A, B)$ each of the "
        r"first $c$ lags has an exact memory above $0.99$ and each later one below $0.01$; $\|A^c\| < 0.15$. "
        r"The eigenvalues of $A$ are *not* near zero (spectral radius above $0.05$, some $0.45$ for $c = 7$): those "
        r"of a nilpotent matrix perturbed by $\varepsilon$ go as $\varepsilon^{1/c}$."
    ),
    assumptions=[
        r"$c = 3, 5, 7$; 16 trainings each at quick scale, 60 at paper scale; plain SGD, rate falling to zero",
        r"only networks that solved their task (mean absolute error below $0.03$) are judged; their number is noted",
        r"means over the networks of each $c$, and the share of networks that lie within all bands, above $0.8$; "
        r"19 simultaneous intervals, together at level 0.95 (Bonferroni)",
        r"kernel and memory at lags $0$ to $3c - 1$",
    ],
    depends=["illium2022/distance-one-layer", "linmem/capacity-closed-form"],
)
def trained_network_is_a_delay_line(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _delay_evidence(scale, rng, "trained")


@trained_network_is_a_delay_line.control("a random rotation, shrunk by 0.95, of the same size")
def rotation_is_no_delay_line(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _delay_evidence(Scale.QUICK, rng, "orthogonal")


@trained_network_is_a_delay_line.control("the networks before training")
def untrained_network_is_no_delay_line(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _delay_evidence(Scale.QUICK, rng, "untrained")


# --- training fills the capacity -------------------------------------------------------------------------------------


def _capacity_evidence(scale: Scale, rng: np.random.Generator, trained: bool) -> Evidence:
    """Memory capacity of the states, over n, of networks trained on p = c, and what training added to it.

    Not ``trained``: the networks before the first step take the trained ones' place.
    """
    import pandas as pd

    from linmem.report import memory_report

    sizes = (5, 7)
    count = scale.pick(quick=12, paper=60)
    level = bonferroni_level(2 * len(sizes))
    measurements: list[Measurement] = []
    rows: list[dict[str, Any]] = []
    words: list[str] = []

    def capacity(weights: NetworkWeights, seed: int) -> float:
        found = memory_report(weights, rng=seed, parts=("capacity",)).value("capacity.total")
        assert found is not None  # the part refuses no white input
        return found

    for c in sizes:
        seeds = draw_seeds(rng, count)
        kept, networks = _solved(c, seeds) if trained else (seeds, _untrained(c, seeds))
        words.append(f"{len(kept)} of {count} for c = {c}")
        before = np.array([capacity(one, seed) for one, seed in zip(_untrained(c, kept), kept, strict=True)])
        after = np.array([capacity(one, seed) for one, seed in zip(networks, kept, strict=True)]) if trained else before
        rows += [
            {"cells": c, "seed": seed, "before": first, "after": last}
            for seed, first, last in zip(kept, before.tolist(), after.tolist(), strict=True)
        ]
        full, gained = f"capacity over n after training, mean, c = {c}", f"gain in capacity over n, mean, c = {c}"
        measurements += [
            Measurement.of_mean(full, after / c, "in", (0.98, 1.005), level),
            Measurement.of_mean(gained, (after - before) / c, ">", 0.02, level),
        ]
    return Evidence(measurements, table=pd.DataFrame(rows), note=f"networks judged: {', '.join(words)}")


@claim(
    "linmem/training-fills-capacity",
    source="linmem",
    locator="memory capacity before and after training",
    kind="statistical",
    statement=(
        r"Training finds the memory. The capacity $\sum_{k \ge 0} MC_k$ of the $c$ states of a one-layer $\tanh$ "
        r"network is at most $n = c$; under uniform input, networks that have learned to recall the one position "
        r"$p = c$ reach on average more than $0.98\,n$. The same networks before training do not: training adds "
        r"more than $0.02\,n$ on average."
    ),
    assumptions=[
        r"$c = 5$ and $7$; 12 trainings each at quick scale, 60 at paper scale; 20000 states of each network",
        r"only networks that solved their task (mean absolute error below $0.03$) are judged; their number is noted",
        r"torch's initial weights, $U(-1/\sqrt c, 1/\sqrt c)$; for $c = 3$ these hold some $0.95\,n$ already, and the "
        r"gain is too small for a dozen networks to show",
        r"sum from lag 0, the newest input, to lag $2c + 10$; an estimate may exceed $n$ by its error, hence the "
        r"band from $0.98$ to $1.005$; four intervals, together at level 0.95 (Bonferroni)",
    ],
    depends=["jaeger2001/capacity-bound", "linmem/trained-network-is-a-delay-line"],
)
def training_fills_capacity(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _capacity_evidence(scale, rng, trained=True)


@training_fills_capacity.control("the networks before training in the place of those after it")
def untrained_networks_are_not_full(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _capacity_evidence(Scale.QUICK, rng, trained=False)
