"""Where the training of a network that is too small stops, and how long one that is large enough needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim

if TYPE_CHECKING:
    from linmem.statistics import Interval
    from linmem.trained import Training

# --- the level at which training stalls ------------------------------------------------------------------------------

BAND = 0.04
"""Largest relative difference between the best network's error and the prediction."""


def _error_of(training: Training, index: int, size: int, level: float, rng: np.random.Generator) -> Interval:
    """Mean absolute error of one trained network on fresh sequences of its task, with its interval."""
    from linmem.statistics import mean_interval
    from linmem.trained import collect_states

    task, weights = training.networks[index].spec.task, training.weights[index]
    numbers, lengths = task.draw(size, rng)
    errors = []
    for q in np.unique(lengths):
        part = numbers[lengths == q]
        answers = collect_states(weights, part[:, -q:], "top")[:, -1].sum(axis=1)
        errors.append(np.abs(answers - part[:, -task.position]))
    return mean_interval(np.concatenate(errors), level)


def _stall_evidence(scale: Scale, rng: np.random.Generator, shift: int) -> Evidence:
    """Train n states on p = n + 1 and n + 2; compare the best network with the best linear filter of n + shift states.

    The best network is chosen by one set of fresh sequences and measured on another, so that the choice does not bias
    its error.
    """
    import pandas as pd

    from linmem.analysis.recall import best_recall
    from linmem.statistics import Interval
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    largest, seeds = scale.pick(quick=(4, 6), paper=(8, 12))
    steps, rate = scale.pick(quick=(12_000, 0.06), paper=(50_000, 0.03))
    pairs = [(n, n + k) for n in range(1, largest + 1) for k in (1, 2)]
    specs = [NetworkSpec(Architecture(cells=n), MemoryTask.long_control(p)) for n, p in pairs]
    chosen = [int(seed) for seed in rng.integers(2**62, size=seeds)]
    training = train(specs, chosen, steps=steps, rate=rate, evaluation_size=scale.pick(quick=8192, paper=12_288))
    errors = training.errors.reshape(len(pairs), seeds)
    level = 1.0 - 0.05 / len(pairs)
    size = scale.pick(quick=50_000, paper=1_000_000)
    measurements, rows = [], []
    for i, (n, p) in enumerate(pairs):
        best = i * seeds + int(np.nanargmin(errors[i]))
        found = _error_of(training, best, size, level, rng)
        states = n + shift
        predicted = best_recall(states, p - 1).scaled_error.value if states else 0.25
        ratio = Interval(predicted / found.value, predicted / found.high, predicted / found.low, level, found.n)
        measurements.append(
            Measurement.from_interval(
                f"predicted over least error, n = {n}, p = {p}", ratio, "in", (1 - BAND, 1 + BAND)
            )
        )
        fewer = best_recall(n - 1, p - 1).scaled_error.value if n > 1 else 0.25
        more = best_recall(n + 1, p - 1).scaled_error.value
        common = {"state_size": n, "position": p, "sequences": "30 to 35"}
        said = {"predicted": predicted, "fewer": fewer, "more": more}
        rows += [{**common, "seed": s, "error": float(e), **said} for s, e in zip(chosen, errors[i], strict=True)]
    note = f"n = 1 to {largest}, p = n + 1 and n + 2, {seeds} networks each, {steps} steps"
    return Evidence(measurements, table=pd.DataFrame(rows), note=note)


@claim(
    "linmem/stall-levels-predicted",
    source="linmem",
    locator="stall levels of trained networks",
    kind="statistical",
    statement=(
        r"A $\tanh$ network of $n$ states trained to recall position $p > n$ of long random sequences stalls where the "
        r"best linear filter of $n$ states ends. That filter recalls lag $\tau = p - 1$ with squared correlation "
        r"$MC^*_n(\tau) = \max_B \sum_{m > \tau} |b_m|^2$ over the all-pass functions $B$ of degree $n$; the error "
        r"predicted is its exact mean absolute error for uniform numbers, at the scale that makes it least. Checked: "
        r"for $p = n + 1$ and $n + 2$ the error of the best of several networks is within 4 % of the prediction."
    ),
    assumptions=[
        r"$n = 1, \dots, 4$ and the best of 6 networks at quick scale, $n = 1, \dots, 8$ and the best of 12 at paper "
        r"scale; the median network lies a few per cent higher, and some networks stay at $1/4$; the limit is one of "
        r"linear filters: a network that bends its $\tanh$ may end a few per cent lower",
        r"sequences of 30 to 35 numbers: in shorter ones the zero initial state tells more",
        r"one layer, summed outputs, plain SGD with a rate that falls linearly to zero",
        r"the best network is chosen on some sequences and measured on 50000 others (a million at paper scale); the "
        r"intervals hold together at level 0.95 (Bonferroni)",
    ],
    depends=["linmem/capacity-closed-form", "illium2022/distance-one-layer"],
    figure="bridge_stalls",
)
def stall_levels_predicted(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _stall_evidence(scale, rng, shift=0)


@stall_levels_predicted.control("the filter of n - 1 states (for n = 1, the constant answer)")
def stall_levels_of_a_smaller_filter(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _stall_evidence(Scale.QUICK, rng, shift=-1)


@stall_levels_predicted.control("the filter of n + 1 states")
def stall_levels_of_a_larger_filter(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _stall_evidence(Scale.QUICK, rng, shift=1)


# --- how long training takes -----------------------------------------------------------------------------------------

SOLVED = 0.1
"""Loss at which a network counts as having left its plateau."""


def _time_evidence(scale: Scale, rng: np.random.Generator, honest: bool) -> Evidence:
    """Steps to leave the plateau at p = 1 .. c, trained and by the descent of the linear network from the same weights.

    Dishonest: what is trained is p = 1, whatever p is said to be.
    """
    import pandas as pd

    from linmem.analysis.delay_flow import predicted_solve_steps
    from linmem.statistics import mean_interval, slope_interval
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, plateau_statistics, train

    sizes, count, steps = scale.pick(quick=((5,), 16, 8_000), paper=((4, 5, 6), 20, 20_000))
    level = 1.0 - 0.05 / (3 * len(sizes))
    measurements, rows = [], []
    for c in sizes:
        positions = np.arange(1, c + 1)
        seeds = [int(seed) for seed in rng.integers(2**62, size=count)]
        measured = np.empty((c, count))
        for i, p in enumerate(positions):
            task = MemoryTask.definition_1(int(p) if honest else 1)
            # other weights for each p in any case
            chosen = seeds if honest else [seed + i for seed in seeds]
            training = train(
                NetworkSpec(Architecture(cells=c), task),
                chosen,
                steps=steps,
                batch_size=32,
                rate=0.01,
                schedule="constant",
                records=steps // 25,
                evaluation_size=1000,
            )
            measured[i] = np.minimum(plateau_statistics(training, SOLVED, window=2).steps, steps)
        predicted = predicted_solve_steps(c, seeds=seeds, level=SOLVED, steps=steps).steps
        predicted = np.minimum(predicted, steps)
        took, said = np.log(measured), np.log(predicted)
        # of each seed: quadratic part of log steps over p, less that of the power of p fitted to them
        powers = np.log(positions) - np.log(positions).mean()
        exponents = powers @ took / (powers @ powers)
        square = np.linalg.qr(np.vander(positions, 3, increasing=True).astype(np.float64))[0][:, 2]
        square *= np.sign(square[0])
        growth = slope_interval(np.repeat(positions, count), took.ravel(), level)
        fit = slope_interval(said.ravel(), took.ravel(), level)
        excess = mean_interval(square @ (took - np.outer(powers, exponents)), level)
        measurements += [
            Measurement.from_interval(f"growth of log steps for each position, c = {c}", growth, ">", 0.4),
            Measurement.from_interval(
                f"bend of log steps over p, above that of a power of p, c = {c}", excess, ">", 0.0
            ),
            Measurement.from_interval(f"slope of log steps on those predicted, c = {c}", fit, "in", (0.7, 1.3)),
        ]
        rows += [
            {"cells": c, "position": int(p), "seed": s, "steps": float(m), "predicted": float(q), "budget": steps}
            for p, one, two in zip(positions, measured, predicted, strict=True)
            for s, m, q in zip(seeds, one, two, strict=True)
        ]
    table = pd.DataFrame(rows)
    took, said = (np.log(table[column].to_numpy(dtype=np.float64)) for column in ("steps", "predicted"))
    ratio, correlation = float(np.exp(np.median(took - said))), float(np.corrcoef(said, took)[0, 1])
    note = f"trained networks take {ratio:.2f} times as long (median); correlation of the logarithms {correlation:.3f}"
    return Evidence(measurements, table=table, note=note)


@claim(
    "linmem/solve-time-grows-geometrically",
    source="linmem",
    locator="training time over the position",
    kind="statistical",
    statement=(
        r"The number of SGD steps after which a $\tanh$ network of $c$ cells recalls position $p \le c$ with a loss "
        r"below $0.1$ grows by a factor of more than $e^{0.4} \approx 1.5$ for each position, and faster than any "
        r"power of $p$. Gradient descent of the *linear* network on the delay kernel $\delta_{p-1}$, from the same "
        r"initial weights and without noise, predicts it up to a constant factor: the slope of log measured on "
        r"log predicted steps is between $0.7$ and $1.3$."
    ),
    assumptions=[
        r"$c = 5$, 16 networks for each $p$ at quick scale; $c = 4, 5, 6$ and 20 networks at paper scale",
        r"Definition 1 (10 to 15 uniform numbers), batches of 32, constant rate $0.01$, torch's initial weights",
        r"prediction: descent on the mean absolute error of a Gaussian residual, averaged over inputs and lengths",
        r"times are seen in windows of 50 steps; a network that does not get there counts with the whole budget",
        r"three simultaneous intervals for each $c$, together at level 0.95 (Bonferroni)",
    ],
    depends=["illium2022/distance-one-layer"],
    figure="bridge_training_time",
)
def solve_time_grows_geometrically(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _time_evidence(scale, rng, honest=True)


@solve_time_grows_geometrically.control("the target is the last number, whatever p is said to be")
def solve_time_without_distance(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _time_evidence(Scale.QUICK, rng, honest=False)
