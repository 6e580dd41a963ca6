"""Claims of Illium et al. (2022) on gated cells: LSTMs at position 10, and whether GRUs behave like LSTMs.

The paper states neither learning rate nor batch size, and its networks trained for up to 5000 epochs of unknown length.
What a network cannot do within a budget of steps is a statement on that budget, which is named with each claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.figures.trained_networks import draw_seeds
from linmem.statistics import Interval, bonferroni_level, difference_interval, mean_interval, proportion_interval

if TYPE_CHECKING:
    import pandas as pd

SATISFYING = 0.04  # the paper's own threshold of the mean absolute error
LEVEL = 0.95


def _trained(
    cell: str, sizes: Sequence[tuple[int, int, int]], budget: tuple[int, float], rng: np.random.Generator, role: str
) -> pd.DataFrame:
    """Networks of one layer, ``(cells, position, how many)`` each, by plain SGD; budget: steps and rate, falling."""
    import pandas as pd

    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    rows: list[dict[str, int | float | bool | str]] = []
    for cells, position, count in sizes:
        spec = NetworkSpec(Architecture(cell, cells), MemoryTask.definition_1(position))
        seeds = draw_seeds(rng, count)
        rows += train(spec, seeds, steps=budget[0], rate=budget[1]).rows()
    table = pd.DataFrame(rows)[["cell", "layers", "cells", "position", "seed", "error", "diverged"]]
    return table.assign(role=role, satisfying=table["error"] < SATISFYING)


def _difference(first: pd.DataFrame, second: pd.DataFrame) -> Interval:
    """Difference of the shares with an error below the paper's threshold; each has half of the error probability."""
    counts = ((int(table["satisfying"].sum()), len(table)) for table in (first, second))
    return difference_interval(*(proportion_interval(*count, level=(1 + LEVEL) / 2) for count in counts))


# --- position 10 -----------------------------------------------------------------------------------------------------


def _position_ten(scale: Scale, rng: np.random.Generator, cell: str) -> Evidence:
    """One layer of c = 1..10 cells of a kind at p = 10, most networks with c = 10; and tanh networks with c = 10."""
    import pandas as pd

    steps, fewer, most = scale.pick(quick=(15_000, 1, 12), paper=(150_000, 1, 16))
    small = _trained(cell, [(c, 10, fewer) for c in range(1, 10)], (steps, 0.1), rng, "tested")
    ten = _trained(cell, [(10, 10, most)], (steps, 0.1), rng, "tested")
    plain = _trained("rnn", [(10, 10, most)], (steps, 0.1), rng, "tanh network")
    measurements = [
        Measurement.of_share("share below 0.04, 10 cells", ten["satisfying"], "<", 0.3, LEVEL),
        Measurement.of_share("share below 0.04, 1 to 9 cells", small["satisfying"], "<", 0.4, LEVEL),
        Measurement.from_interval("share of tanh networks less this share, 10 cells", _difference(plain, ten), ">", 0),
    ]
    table = pd.concat([small, ten, plain], ignore_index=True)
    least = float(table.loc[table["role"] == "tested", "error"].min())
    return Evidence(measurements, table=table, note=f"{cell}, {steps} steps: least error of all {least:.3f}")


@claim(
    "illium2022/lstm-no-p10",
    source="illium2022",
    locator="Section 4, Figure 8",
    kind="statistical",
    statement=(
        r"The paper: “LSTMs do not perform as well as RNNs on this task, i.e., not satisfyingly solving any position "
        r"$p = 10$ instance ($\text{mean\_absolute\_loss} \geq 0.04$).” Checked for one layer, within a budget of "
        r"steps: of LSTMs with $c = 10$ cells fewer than 3 in 10, and of those with $c = 1, \dots, 9$ fewer than 4 in "
        r"10, have a mean absolute error below $0.04$ at $p = 10$ (none of those trained had); of $\tanh$ networks "
        r"with $c = 10$ a larger share has."
    ),
    assumptions=[
        r"one layer; with two layers of 10 cells the sentence does not hold at 150,000 steps "
        r"(linmem/lstm-p10-is-a-training-limit)",
        r"plain SGD in batches of 8 fresh sequences, rate $0.1$ falling linearly to zero, torch's initial weights",
        r"15,000 steps at quick scale, within which $\tanh$ networks solve $p = c = 10$; 150,000 at paper scale; the "
        r"paper's rate and batch size are not known",
        r"12 (paper scale: 16) networks with $c = 10$, one for each $c < 10$; error on 12288 fresh sequences",
        r"“not any” is read as a bound on the share of networks: no finite sample shows more",
    ],
    depends=["illium2022/distance-one-layer"],
    expected="holds with assumption",
)
def lstm_no_p10(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _position_ten(scale, rng, "lstm")


@lstm_no_p10.control("tanh networks in the place of the LSTMs: those with 10 cells solve p = 10")
def lstm_no_p10_tanh(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _position_ten(scale, rng, "rnn")


# --- GRU against LSTM ------------------------------------------------------------------------------------------------


def _likeness(scale: Scale, rng: np.random.Generator, cell: str) -> Evidence:
    """Networks of a kind, LSTMs and tanh networks at p = c and p = c + 1, equally trained: which are alike?"""
    import pandas as pd

    cells, few, many, budget = scale.pick(quick=([3], 2, 13, (45_000, 0.3)), paper=([3, 4], 4, 10, (100_000, 0.1)))
    sizes = [(c, p, n) for c in cells for p, n in ((c, few), (c + 1, many))]
    kinds = {"tested": cell, "lstm": "lstm", "rnn": "rnn"}
    tables = {role: _trained(kind, sizes, budget, rng, role) for role, kind in kinds.items()}
    beyond = {role: table[table["position"] == table["cells"] + 1] for role, table in tables.items()}
    within = {role: table.loc[table["position"] == table["cells"], "satisfying"] for role, table in tables.items()}
    alike = _difference(beyond["lstm"], beyond["tested"])
    measurements = [
        Measurement.from_interval("share of LSTMs below 0.04 at p = c + 1 less this share", alike, "in", (-0.05, 0.05))
    ]
    nearer = _nearer({role: table["error"].to_numpy() for role, table in beyond.items()})
    measurements.append(
        Measurement.from_interval("distance of the mean error at p = c + 1 to LSTMs' less to tanh's", nearer, "<", 0)
    )
    shares = {kinds[role]: f"{int(own.sum())} of {len(own)}" for role, own in within.items()}
    note = f"{cell}: {budget[0]} steps, rate {budget[1]}; below {SATISFYING} at p = c: {shares}"
    return Evidence(measurements, table=pd.concat(tables.values(), ignore_index=True), note=note)


def _nearer(errors: dict[str, np.ndarray]) -> Interval:
    """``|m - m_lstm| - |m - m_rnn|`` of mean errors m; a third of the error probability for each of the three means."""
    means = {role: mean_interval(values, bonferroni_level(3, 1 - LEVEL)) for role, values in errors.items()}

    def apart(role: str) -> tuple[float, float, float]:
        a, b = means["tested"], means[role]
        low = max(a.low - b.high, b.low - a.high, 0.0)
        return low, abs(a.value - b.value), max(a.high - b.low, b.high - a.low)

    (low, value, high), (other_low, other, other_high) = apart("lstm"), apart("rnn")
    return Interval(value - other, low - other_high, high - other_low, LEVEL, min(m.n for m in means.values()))


@claim(
    "illium2022/gru-like-lstm",
    source="illium2022",
    locator="Section 4, Figure 8",
    kind="statistical",
    statement=(
        r"The paper: “The GRUs’ behavior appears most similar to LSTMs’.” Checked as a statement on the distance: "
        r"equally trained GRUs and LSTMs of $c$ cells memorise $p = c + 1$ (mean absolute error below $0.04$) in "
        r"equal shares, and the mean error of GRUs at $p = c + 1$ is nearer to that of LSTMs than to that of $\tanh$ "
        r"networks. Neither holds: LSTMs memorise $p = c + 1$; GRUs and $\tanh$ networks do not, and have the same "
        r"error there (linmem/gru-distance-is-c). Speed of training is another matter, and is not tested: where the "
        r"budget is short for LSTMs, it is short for GRUs as well."
    ),
    assumptions=[
        r"one layer, $c = 3$ at quick scale, $c = 3, 4$ at paper scale; sequences of 10 to 15 numbers",
        r"plain SGD in batches of 8 fresh sequences, torch's initial weights; 45,000 steps at a rate that falls "
        r"linearly from $0.3$ to zero (paper scale: 100,000 steps from $0.1$), enough for LSTMs to solve $p = c + 1$",
        r"for each $c$ and kind 13 (paper scale: 10) networks with $p = c + 1$, and 2 (4) with $p = c$ for comparison",
        r"equal shares: a difference between $-0.05$ and $0.05$",
    ],
    depends=["illium2022/distance-one-layer"],
    expected="fails",
)
def gru_like_lstm(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _likeness(scale, rng, "gru")


@gru_like_lstm.control("tanh networks in the place of the GRUs: they differ from LSTMs in the same way")
def gru_like_lstm_tanh(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _likeness(scale, rng, "rnn")
