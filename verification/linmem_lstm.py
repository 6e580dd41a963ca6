"""Claims on what LSTMs and GRUs can recall: state variables bound an LSTM, cells a GRU, and training stops both early.

An LSTM of c cells carries 2 c numbers from step to step, its outputs and its cells; a GRU carries c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.figures.trained_networks import draw_seeds

if TYPE_CHECKING:
    import pandas as pd

    from linmem.trained import MemoryTask, NetworkWeights, Training

SATISFYING = 0.04  # threshold of Illium et al. (2022) for position 10


def _train(
    cell: str, shape: tuple[int, int], task: MemoryTask, seeds: Sequence[int], settings: dict[str, Any], **options: Any
) -> Training:
    """Networks of ``shape`` = (layers, cells); options of the architecture: readout, initialisation."""
    from linmem.trained import Architecture, NetworkSpec, train

    layers, cells = shape
    return train(NetworkSpec(Architecture(cell, cells, layers, **options), task), seeds, **settings)


def _table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of trainings, without the columns that are the same in all of them."""
    import pandas as pd

    return pd.DataFrame(rows).drop(columns=["links", "absent", "min_length", "max_length", "state_size"])


# --- beyond the number of cells --------------------------------------------------------------------------------------


def _capacities(networks: Sequence[NetworkWeights], rng: np.random.Generator, part: str) -> list[float]:
    """Memory capacity with lag 0 of the states of each network over its number of cells, sampled on 5000 numbers."""
    from linmem.trained import state_capacity

    curves = [state_capacity(w, rng, part=part, length=5000) for w in networks]
    return [x.total(first_lag=0).value / w.architecture.cells for x, w in zip(curves, networks, strict=True)]


def _beyond_cells(scale: Scale, rng: np.random.Generator, cell: str) -> Evidence:
    """Networks with a linear read-out, trained by Adam for p = c + 1 .. 2 c + 1; and what the states of some hold."""
    from linmem.trained import MemoryTask

    largest, many, few = scale.pick(quick=(3, 6, 4), paper=(4, 10, 6))
    task = scale.pick(quick=MemoryTask.definition_1, paper=MemoryTask.long_control)
    settings = {"steps": scale.pick(quick=30_000, paper=60_000), "rate": 0.03, "optimiser": "adam"}
    rows: list[dict[str, Any]] = []
    holding: list[NetworkWeights] = []
    for c in range(1, largest + 1):
        for p in range(c + 1, 2 * c + 2):
            if p > c + 1 and c > 2:
                continue
            training = _train(
                cell, (1, c), task(p), draw_seeds(rng, many if p == c + 1 else few), settings, readout="linear"
            )
            rows += training.rows()
            holding += training.weights[:4] if c <= 2 and p == c + 1 else ()
    capacities = {part: _capacities(holding, rng, part) for part in ("all", "outputs")}
    table = _table(rows)
    near = table.loc[table["position"] == table["cells"] + 1, "solved"]
    far = table.loc[table["position"] == 2 * table["cells"] + 1, "solved"]
    measurements = [
        Measurement.of_share("share that solves p = c + 1", near, ">", 0.5),
        Measurement.of_share("share that solves p = 2 c + 1, c = 1 and 2", far, "<", 0.4),
        Measurement.of_mean("capacity of the states over c, c = 1 and 2", capacities["all"], ">", 1.0),
    ]
    found = {part: np.round(values, 2).tolist() for part, values in capacities.items()}
    return Evidence(
        measurements, table=table, note=f"{cell}: capacities over c, of all states and of the outputs: {found}"
    )


@claim(
    "linmem/lstm-uses-2c-states",
    source="linmem",
    locator="docs/training.md",
    kind="statistical",
    statement=(
        r"The number of cells does not bound an LSTM: one layer of $c$ cells has $2c$ state variables. Trained for "
        r"$p = c + 1$, more than half memorise it ($c = 1, 2, 3$; one cell: error below $0.05$, else below $0.03$); of "
        r"those with $c = 1, 2$ fewer than 4 in 10 memorise $p = 2c + 1$; and the states of the former, outputs and "
        r"cells together, have a memory capacity above $c$, more than any $c$ state variables can have."
    ),
    assumptions=[
        r"linear read-out; torch's initial weights; Adam in batches of 8, rate $0.03$ falling linearly to zero over "
        r"30,000 steps (paper scale: 60,000)",
        r"quick scale: sequences of 10 to 15 numbers, 6 networks for each $c$ with $p = c + 1$ and 4 with larger $p$; "
        r"paper scale: $c \le 4$, sequences of 30 to 35 numbers, 10 and 6 networks",
        r"capacity of 4 networks for $c = 1$ and 4 for $c = 2$, $p = c + 1$: sum over the lags $k = 0, 1, 2, \dots$, "
        r"sampled on 5000 numbers; Student's interval of the mean of capacity over $c$",
    ],
    depends=["illium2022/distance-one-layer", "dambre2012/total-capacity"],
)
def lstm_uses_2c_states(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _beyond_cells(scale, rng, "lstm")


@lstm_uses_2c_states.control("GRUs in the place of the LSTMs: c cells are c state variables")
def lstm_uses_2c_states_gru(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _beyond_cells(scale, rng, "gru")


# --- the distance of a GRU -------------------------------------------------------------------------------------------


def _distance(scale: Scale, rng: np.random.Generator, cell: str) -> Evidence:
    """Networks with summed outputs, trained by Adam for p = c and p = c + 1."""
    from linmem.trained import MemoryTask

    sizes, count, steps = scale.pick(quick=((3, 4), 10, 20_000), paper=((3, 4, 5, 6), 10, 40_000))
    settings = {"steps": steps, "rate": 0.01, "optimiser": "adam"}
    rows: list[dict[str, Any]] = [
        row
        for c in sizes
        for p in (c, c + 1)
        for row in _train(cell, (1, c), MemoryTask.definition_1(p), draw_seeds(rng, count), settings).rows()
    ]
    table = _table(rows)
    within, beyond = (table[table["position"] - table["cells"] == more] for more in (0, 1))
    measurements = [
        Measurement.of_share("share that solves p = c", within["solved"], ">", 0.25),
        Measurement.of_share("share that solves p = c + 1", beyond["solved"], "<", 0.25),
    ]
    least = beyond["error"].min()
    return Evidence(measurements, table=table, note=f"{cell}, {steps} steps: least error at p = c + 1 {least:.3f}")


@claim(
    "linmem/gru-distance-is-c",
    source="linmem",
    locator="docs/training.md",
    kind="statistical",
    statement=(
        r"A GRU remembers as far as a $\tanh$ network of as many cells, not as far as an LSTM: of one-layer GRUs of "
        r"$c$ cells more than 1 in 4 memorise $p = c$ (error below $0.03$), and fewer than 1 in 4 memorise "
        r"$p = c + 1$."
    ),
    assumptions=[
        r"$c = 3, 4$ pooled (paper scale: $c = 3, \dots, 6$), 10 networks for each $c$ and $p$; summed outputs; "
        r"sequences of 10 to 15 numbers",
        r"Adam in batches of 8, rate $0.01$ falling linearly to zero over 20,000 steps (paper scale: 40,000)",
    ],
    depends=["illium2022/distance-one-layer", "illium2022/gru-like-lstm"],
)
def gru_distance(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _distance(scale, rng, "gru")


@gru_distance.control("LSTMs in the place of the GRUs: they memorise p = c + 1")
def gru_distance_lstm(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _distance(scale, rng, "lstm")


# --- position 10 -----------------------------------------------------------------------------------------------------


ADAM = {"steps": 50_000, "rate": 0.007, "optimiser": "adam"}
SGD = {"steps": 50_000, "rate": 0.1, "optimiser": "sgd"}
LONGER_SGD = {"steps": 150_000, "rate": 0.1, "optimiser": "sgd"}


def _best(name: str, training: Training, rng: np.random.Generator) -> Measurement:
    """Error at p = 10 of the best network, on 4096 fresh sequences that had no part in choosing it."""
    from linmem.trained import memory_distance

    network, task = training.weights[int(np.argmin(training.errors))], training.networks[0].spec.task
    again = memory_distance(network, SATISFYING, rng=rng, max_position=task.min_length, size=4096)
    return Measurement.from_interval(f"error of the best: {name}", again.errors[task.position - 1], "<", SATISFYING)


def _position_ten(scale: Scale, rng: np.random.Generator, settings: dict[str, Any], fewer: int) -> Evidence:
    """LSTMs with c = 10 at p = 10: one layer, orthogonal initial weights; at paper scale two layers by SGD."""
    import pandas as pd

    from linmem.trained import MemoryTask

    short, long = MemoryTask.definition_1(10), MemoryTask.long_control(10)
    several, some = scale.pick(quick=(8, 2), paper=(16, 6))
    cases = [
        ("one layer, 10 to 15 numbers", 1, short, settings, "orthogonal", several // fewer),
        ("one layer, 30 to 35 numbers", 1, long, settings, "orthogonal", some // fewer),
    ]
    if scale is Scale.PAPER:
        cases.append(("two layers by SGD, 10 to 15 numbers", 2, short, LONGER_SGD, "torch", 4 // fewer))
    rows: list[dict[str, Any]] = []
    measurements: list[Measurement] = []
    for name, layers, task, how, start, count in cases:
        training = _train("lstm", (layers, 10), task, draw_seeds(rng, count), how, initialisation=start)
        rows += [{"case": name, **row} for row in training.rows()]
        measurements.append(_best(name, training, rng))
    table = pd.DataFrame(rows).assign(satisfying=lambda rows: rows["error"] < SATISFYING)
    shares = {name: f"{int(x.sum())} of {len(x)}" for name, x in table.groupby("case", sort=False)["satisfying"]}
    training = f"{settings['optimiser']}, {settings['steps']} steps from rate {settings['rate']}"
    return Evidence(measurements, table=table, note=f"{training}; networks below {SATISFYING}: {shares}")


@claim(
    "linmem/lstm-p10-is-a-training-limit",
    source="linmem",
    locator="docs/training.md",
    kind="statistical",
    statement=(
        r"It is the training, not the cell, that keeps LSTMs from position 10 (illium2022/lstm-no-p10). One-layer "
        r"LSTMs with $c = 10$ cells and summed outputs solve $p = 10$ (mean absolute error below $0.04$) when they "
        r"start from orthogonal recurrent weights and are trained by Adam for 50,000 steps, on sequences of 10 to 15 "
        r"and of 30 to 35 numbers. At paper scale also: LSTMs with two layers of 10 cells solve it by plain SGD from "
        r"torch's initial weights in 150,000 steps."
    ),
    assumptions=[
        r"existence, not a share: the best of 8 networks on short and of 2 on long sequences (paper scale: 16 and 6; 4 "
        r"with two layers), its error measured again on 4096 fresh sequences, with Student's interval",
        r"batches of 8; Adam with rate $0.007$ falling linearly to zero; orthogonal: each recurrent $c \times c$ block "
        r"Haar distributed, biases zero but for the forget gate's, 1",
    ],
    depends=["illium2022/lstm-no-p10"],
)
def lstm_p10(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _position_ten(scale, rng, ADAM, fewer=1)


@lstm_p10.control(
    "plain SGD in the place of Adam: as many steps from the same kind of initial weights, half the networks"
)
def lstm_p10_sgd(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _position_ten(scale, rng, SGD, fewer=2)
