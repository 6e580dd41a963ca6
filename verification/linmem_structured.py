"""Inputs with a structure that is known, sparse or tonal, of which one state holds more than it has numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.statistics import bonferroni_level, proportion_interval

STATES, ATOMS = 50, 6
"""n, and the number K of non-zero entries or tones."""


def _structured_evidence(scale: Scale, rng: np.random.Generator, structure: str) -> Evidence:
    """Longest inputs that one state of a random rotation determines; those of ``structure`` are to exceed 4 n."""
    import pandas as pd

    from linmem.analysis import structured_recall
    from linmem.capacity.systems.connectivity import haar_orthogonal

    count, trials = scale.pick(quick=(8, 10), paper=(30, 20))
    longest = scale.pick(quick=8, paper=32) * STATES
    kinds = [kind for kind in ("sparse", "joint tones", "dense") if kind in (structure, "joint tones", "dense")]
    horizons: dict[str, list[float]] = {kind: [] for kind in kinds}
    rows: list[dict[str, Any]] = []
    for number in range(count):
        rotation, mask = haar_orthogonal(STATES, rng), rng.standard_normal(STATES)
        for kind in kinds:
            if kind == "dense":  # as many non-zero entries as steps
                lengths = (STATES // 2, STATES, 3 * STATES // 2)
                asked = [("sparse", N, N) for N in lengths]
            else:
                asked = [(kind, ATOMS, longest)]
            found = [
                structured_recall(rotation, mask, name, sparsity=K, longest=most, trials=trials, rng=rng)
                for name, K, most in asked
            ]
            horizons[kind].append(max(one.horizon for one in found) / STATES)
            rows += [
                {"network": number, "structure": kind, "steps": trial.steps, "share": trial.share.value}
                for one in found
                for trial in one.trials
            ]
    level = bonferroni_level(3)
    table = pd.DataFrame(rows)
    beyond = table[(table["structure"] == "dense") & (table["steps"] == 3 * STATES // 2)]
    recovered = proportion_interval(round(trials * beyond["share"].sum()), trials * len(beyond), level)
    reached, tones = horizons[structure], horizons["joint tones"]
    measurements = [
        Measurement.of_mean("horizon over n of structured inputs (a lower bound), mean", reached, ">", 4.0, level),
        Measurement.of_mean("horizon over n of joint tones, mean", tones, "<", 2.0, level),
        Measurement.from_interval("share of inputs without structure recovered at 3n/2 steps", recovered, "<", 0.1),
    ]
    note = f"n = {STATES}, K = {ATOMS}, {count} rotations, {trials} trials a length, at most {longest} steps"
    return Evidence(measurements, table=table, note=note)


@claim(
    "linmem/structured-inputs-beat-n",
    source="linmem",
    locator="structured inputs from one state",
    kind="statistical",
    statement=(
        r"The bound $n$ on the number of inputs that $n$ linear states hold is one for inputs without structure. From "
        r"one state of a random rotation with $n = 50$, inputs of more than $4n$ steps with $K = 6$ non-zero numbers "
        r"at unknown times are recovered by the LASSO. With $K = 6$ tones (atoms of the cosine transform) in the "
        r"place of non-zero numbers the same states end below $2n$; without structure fewer than a tenth of the inputs "
        r"of $3n/2$ steps are recovered."
    ),
    assumptions=[
        r"horizon: longest input recovered in at least half of the trials, with a relative squared error of at most "
        r"$0.01$; solutions certified by their duality gap ($10^{-6}$); noise in the state of relative size $10^{-3}$",
        r"8 Haar rotations with normal input weights and 10 trials a length at quick scale, 30 and 20 at paper scale",
        r"the search for sparse inputs ends at $8n$ steps ($32n$ at paper scale), so that its horizon is a lower bound",
        r"inputs without structure leave a relative squared error of at least $(N - n)/N$ on average at $N > n$ steps, "
        r"so that just above $n$ some trials still succeed: hence $3n/2$",
        r"three intervals, together at level 0.95 (Bonferroni)",
    ],
    depends=["charles2018/sparse-recovery", "charles2018/coherent-fails-single", "linmem/statistical-dimension"],
)
def structured_inputs_beat_n(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _structured_evidence(scale, rng, "sparse")


@structured_inputs_beat_n.control("joint tones in the place of sparse inputs")
def tones_do_not_reach_as_far(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _structured_evidence(Scale.QUICK, rng, "joint tones")


@structured_inputs_beat_n.control("inputs without structure in the place of sparse ones")
def dense_inputs_end_at_n(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _structured_evidence(Scale.QUICK, rng, "dense")
