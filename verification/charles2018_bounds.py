"""Claims of Charles, Yap, Yin and Rozell (2018) on what a state holds: restricted isometry; unstructured input."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.bounds import injectivity, rip_constant, rip_probe
from linmem.discrete.model import RandomNetwork
from linmem.discrete.operators import sequence_operator
from linmem.statistics import mean_interval

# --------------------------------------------------------------------------------------------------------- rip-sparse
COHERENT = ("dct", "joint")


def _probes(scale: Scale, rng: np.random.Generator, kinds: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """One row for each network, number of nodes, sparsity and kind of support."""
    L, N = scale.pick(quick=(20, 50), paper=(40, 100))
    counts = scale.pick(quick=(10, 20, 40), paper=(20, 40, 80, 160))
    samples, search = scale.pick(quick=(20, 30), paper=(20, 40))
    rows: list[dict[str, object]] = []
    for gamma in (0.25, 0.5):
        M = 2 * round(gamma * N * L / 2)
        for trial in range(scale.pick(quick=10, paper=8)):
            network = RandomNetwork(M, L, seed=rng)
            for kind, (basis, support) in kinds.items():
                operator = sequence_operator(network, N, basis=basis)
                for K in counts:
                    probe = rip_probe(operator, K, support=support, samples=samples, search=search, rng=rng)
                    rows.append(
                        {
                            "kind": kind,
                            "basis": basis,
                            "support": support,
                            "network": trial,
                            "nodes": M,
                            "inputs": N * L,
                            "nonzeros": K,
                            "deviation": float(probe.sampled.mean()),
                            "lower bound": probe.lower_bound,
                            "gaussian": probe.gaussian,
                        }
                    )
    return pd.DataFrame(rows)


def _pairs(scale: Scale, rng: np.random.Generator, basis: str) -> list[float]:
    """delta_2 of some networks with M = NL/2, by enumeration of all pairs of columns."""
    L, N = scale.pick(quick=(20, 50), paper=(40, 100))
    count = scale.pick(quick=5, paper=3)
    return [rip_constant(RandomNetwork(N * L // 2, L, seed=rng), 2, N, basis) for _ in range(count)]


def _isometry(scale: Scale, rng: np.random.Generator, incoherent: tuple[str, str]) -> Evidence:
    """Deviations ``||A_J^T A_J - I||`` for supports that should be incoherent, and for coherent ones."""
    table = _probes(scale, rng, {"incoherent": incoherent, "coherent": COHERENT})
    table["ratio"] = table["deviation"] / table["gaussian"]
    # For a Gaussian map (1 + delta)^(1/2) - 1 = (K/M)^(1/2): the exponent is 1/2 for every K/M.
    table["root"] = np.sqrt(1 + table["deviation"]) - 1
    table["found"] = table["lower bound"] / np.sqrt(
        table["nonzeros"] * np.log(math.e * table["inputs"] / table["nonzeros"]) / table["nodes"]
    )
    low = table[table.kind == "incoherent"]
    cells = low.groupby(["nodes", "nonzeros"])
    level = 1 - 0.05 / (2 * len(cells) + 3)  # together at 95 %
    measurements: list[Measurement] = []
    for column, relation, bound, text in (
        ("ratio", "in", (0.7, 1.3), "mean of ||A_J'A_J - I|| over sampled supports / (2 sqrt(K/M) + K/M)"),
        ("found", "<=", 5.0, "largest found (lower bound of delta_K) / sqrt(K ln(e NL/K) / M)"),
    ):
        intervals = {cell: mean_interval(rows[column], level) for cell, rows in cells}
        for end, interval in (
            ("smallest", min(intervals.values(), key=lambda i: i.low)),
            ("largest", max(intervals.values(), key=lambda i: i.high)),
        ):
            if relation == "in" or end == "largest":
                measurements.append(Measurement.from_interval(f"{text}: {end} cell", interval, relation, bound))
    slopes = [
        float(np.polyfit(np.log(rows["nonzeros"] / rows["nodes"]), np.log(rows["root"]), 1)[0])
        for _, rows in low.groupby("network")
    ]
    measurements.append(
        Measurement.from_interval(
            "exponent of sqrt(1 + delta) - 1 in K/M", mean_interval(slopes, level), "in", (0.4, 0.65)
        )
    )
    means = table.groupby(["kind", "network"])["ratio"].mean()
    gain = means["coherent"] / means["incoherent"]
    measurements.append(
        Measurement.from_interval(
            "joint DCT supports against these: ratio of mean deviations", mean_interval(gain, level), ">=", 2.0
        )
    )
    pairs = _pairs(scale, rng, incoherent[0])
    measurements.append(
        Measurement(
            f"delta_2 by enumeration, M/NL = 0.5: largest of {len(pairs)} networks", max(pairs), "<", math.sqrt(0.5)
        )
    )
    sizes = f"NL = {table['inputs'].iloc[0]}, M/NL = 0.25 and 0.5, K = {sorted(set(table['nonzeros']))}"
    return Evidence(measurements, table, note=f"{sizes}; every network drawn anew")


@claim(
    "charles2018/rip-sparse",
    source="charles2018",
    locator="Results, sparse inputs (restricted isometry behind the first theorem)",
    kind="statistical",
    statement=(
        r"For sparse inputs in an incoherent basis the map $\mathcal{A}$ acts like a random Gaussian matrix. The paper "
        r"derives recovery from a restricted isometry with constant $\delta$ that holds once "
        r"$M \geq C K \mu^2 \log^g(NL) / \delta^2$ (as quoted; the full text of the theorem was not at hand, and $C$, "
        r"$g$ are open). What can be tested without proof over all supports: (a) with $M = NL/2$ nodes all pairs of "
        r"canonical columns satisfy $\delta_2 < 1/\sqrt2$, which suffices for $K = 1$ (Cai and Zhang 2014), by "
        r"enumeration; (b) on random canonical supports "
        r"$\|A_J^T A_J - I\|$ is $2 \sqrt{K/M} + K/M$, the value of a Gaussian map, within 30 %, and so falls as "
        r"$M^{-1/2}$; (c) no support found by local search violates $\delta_K \leq 5 \sqrt{K \ln(e NL/K) / M}$; (d) in "
        r"the most coherent basis ($\mu^2 = N$: cosines, the same in all streams) deviations are at least twice as "
        r"large."
    ),
    assumptions=[
        r"orthogonal $W$ with iid uniform eigenvalue angles, $Z$ iid $N(0, 1/M)$, no decay",
        r"canonical temporal basis, coherence $\mu = 1$",
        r"sampled supports and local search bound $\delta_K$ from below: (b)-(d) do not certify an isometry",
    ],
    depends=["charles2018/unrolling"],
)
def rip_sparse(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Sampled and searched supports of the canonical basis; enumeration of pairs."""
    return _isometry(scale, rng, ("canonical", "random"))


@rip_sparse.control(
    "the same check in a coherent basis: joint supports of cosines take the place of the incoherent ones"
)
def rip_coherent(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _isometry(scale, rng, COHERENT)


# ------------------------------------------------------------------------------------------------- unstructured bound
MISSING = 2
"""Nodes short of N L in the failing case."""


def _unstructured(scale: Scale, rng: np.random.Generator, missing: int) -> Evidence:
    """Rank, recovery of an arbitrary input and kernel of networks with NL - missing, NL + 2 and NL - 2 nodes."""
    sizes = scale.pick(quick=[(1, 8), (2, 6), (4, 8), (5, 10)], paper=[(2, 6), (4, 8), (5, 10), (5, 20), (10, 16)])
    rows: list[dict[str, object]] = []
    for L, N in sizes:
        for spectrum in ("iid", "haar"):
            for M, role in ((N * L - missing, "enough"), (N * L + 2, "more"), (N * L - MISSING, "too few")):
                network = RandomNetwork(M, L, spectrum, seed=rng)
                found = injectivity(network, N)
                A = sequence_operator(network, N, "dense")
                S = rng.standard_normal((N, L))
                estimate = np.linalg.lstsq(A.columns(np.arange(N * L)), A.state(S))[0].reshape(N, L)
                row: dict[str, object] = {
                    "role": role,
                    "streams": L,
                    "steps": N,
                    "inputs": N * L,
                    "nodes": M,
                    "spectrum": spectrum,
                }
                row |= {"rank": found.rank, "smallest singular value": found.smallest_singular_value}
                row |= {"error": float(np.linalg.norm(estimate - S) / np.linalg.norm(S))}
                rows.append(row | {"kernel error": found.kernel_error, "kernel": found.kernel is not None})
    table = pd.DataFrame(rows)
    enough, below = table[table.role != "too few"], table[table.role == "too few"]
    return Evidence(
        [
            Measurement(
                "M >= NL: rank of A over NL, smallest", float((enough["rank"] / enough.inputs).min()), "==", 1.0
            ),
            Measurement("M >= NL: relative error of least squares, largest", float(enough.error.max()), "<=", 1e-6),
            Measurement(
                "M = NL - 2: rank of A over M, smallest", float((below["rank"] / below.nodes).min()), "==", 1.0
            ),
            # The exact kernel vector lies within "kernel error" of a unit vector.
            Measurement.enclosed(
                "M = NL - 2: distance of two inputs with the same state",
                (1 - float(below["kernel error"].max()) - 1e-14, 1 + float(below["kernel error"].max()) + 1e-14),
                ">=",
                0.999,
            ),
            Measurement("M = NL - 2: relative error of least squares, smallest", float(below.error.min()), ">", 1e-3),
        ],
        table,
        note="ranks by ball arithmetic; each input has iid N(0, 1) entries",
    )


@claim(
    "charles2018/unstructured-bound",
    source="charles2018",
    locator="Introduction and Conclusions (M > N for unstructured input; here NL streams and steps)",
    kind="certified",
    statement=(
        r"Without structure a state of $M$ nodes holds $NL$ input values if and only if $M \geq NL$: the rank of "
        r"$\mathcal{A}$ is $\min(M, NL)$. For $M \geq NL$ least squares returns any input; for $M < NL$ there are, for "
        r"every input $S$, others at any distance with the same state. (The rank is certified for the networks drawn; "
        r"since a minor of $\mathcal{A}$ is an analytic function of angles and $Z$, one such network per size proves "
        r"that almost every network of that size has this rank. $M < NL$ suffices for a kernel by counting dimensions.)"
    ),
    assumptions=[
        r"$W$ has eigenvalues $e^{\pm j w_h}$, iid uniform or those of a Haar-random rotation; $Z$ iid $N(0, 1/M)$",
        r"no noise: how much it is amplified is the inverse of the smallest singular value",
    ],
    depends=["charles2018/unrolling"],
)
def unstructured_bound(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Certified ranks for M = NL, NL + 2 and NL - 2."""
    return _unstructured(scale, rng, 0)


@unstructured_bound.control("two nodes short: M = NL - 2 in the place of M = NL")
def unstructured_short(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _unstructured(scale, rng, MISSING)
