"""Claim of Charles, Yap, Yin and Rozell (2018) on low-rank inputs: a state holds them with fewer nodes than values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.bounds import nuclear_prediction, nuclear_statistical_dimension
from linmem.discrete.model import RandomNetwork, low_rank_signal, relative_noise
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recovery import default_nuclear_penalty, low_rank_trial, nuclear
from linmem.statistics import Interval, mean_interval

GAP = 1e-6
GAMMAS = (0.5, 0.7, 0.8)
MARGIN = 3
CAP = 20.0  # floors; a larger error counts as this, so that the intervals are those of a bounded variable
RANKS = (1, 2, 3, 4, 6, 8, 11, 16)
Cell = tuple[int, int, int]  # nodes, rank, number of trials


def _sizes(scale: Scale) -> tuple[int, int]:
    """L and N."""
    return scale.pick(quick=(20, 50), paper=(40, 100))


def _nodes(scale: Scale) -> list[int]:
    L, N = _sizes(scale)
    return [2 * round(gamma * N * L / 2) for gamma in GAMMAS]


def _freedom(R: int, N: int, L: int) -> int:
    """Parameters of a rank-R matrix."""
    return R * (N + L - R)


def _inside(M: int, R: int, N: int, L: int) -> bool:
    """Whether M nodes hold the rank with the margin."""
    return MARGIN * nuclear_statistical_dimension(R, N, L) <= M


def _ranks(M: int, N: int, L: int, inside: bool) -> list[int]:
    """Ranks within the margin, or the others up to .9 M parameters."""
    return [R for R in RANKS if _freedom(R, N, L) <= 0.9 * M and _inside(M, R, N, L) == inside]


def _factor(M: int, R: int, N: int, L: int) -> float:
    """Predicted error of the estimate over that of the oracle, both for a Gaussian map."""
    free = _freedom(R, N, L)
    return nuclear_prediction(R, N, L, M, default_nuclear_penalty(1.0, L, N)).error / (free / (M - free - 1))


def _cross_check(scale: Scale, rng: np.random.Generator) -> list[Measurement]:
    """Largest differences to cvxpy's interior-point solution; it takes minutes at larger sizes, so these are small."""
    import cvxpy as cp

    L, N = scale.pick(quick=(6, 10), paper=(8, 20))
    objective, fit, estimate = [], [], []
    for gamma in GAMMAS[:2]:
        M = 2 * round(gamma * N * L / 2)
        network = RandomNetwork(M, L, seed=rng)
        S = low_rank_signal(N, L, 1, rng=rng).sequence
        clean = network.simulate(S)
        noise = relative_noise(clean, 1e-2, rng=rng)
        state, sigma = clean + noise, float(np.linalg.norm(noise)) / np.sqrt(M)
        found = nuclear(network, state, N, noise=sigma, tol=1e-8)
        matrix = sequence_operator(network, N, "dense").columns(np.arange(N * L))
        X = cp.Variable((N, L))
        cost = 0.5 * cp.sum_squares(matrix @ cp.vec(X, order="C") - state) + found.penalty * cp.normNuc(X)
        cp.Problem(cp.Minimize(cost)).solve(solver=cp.CLARABEL)
        other = np.asarray(X.value)
        norm = float(np.linalg.svd(other, compute_uv=False).sum())
        theirs = 0.5 * np.sum((matrix @ other.ravel() - state) ** 2) + found.penalty * norm
        difference = found.estimate - other
        objective.append(abs(found.objective - theirs) / found.objective)
        fit.append(0.5 * np.sum((matrix @ difference.ravel()) ** 2) / found.objective)
        estimate.append(np.sum(difference**2) / np.sum(S**2))
    return [
        Measurement("objective against cvxpy: largest relative difference", max(objective), "<=", GAP),
        # P(S) - min P >= ||A (S - S*)||^2 / 2 for the minimiser S*; both solutions lie within their gaps of it.
        Measurement(
            "fit against cvxpy: ||A (S - S')||^2 / 2 over objective", max(fit), "<=", (1 + np.sqrt(2)) ** 2 * GAP
        ),
        Measurement("estimate against cvxpy: largest relative squared difference", max(estimate), "<=", 1e-6),
    ]


def _recovery(scale: Scale, rng: np.random.Generator, cells: Sequence[Cell], temporal: str = "gaussian") -> Evidence:
    """Trials of the cells; those inside the margin are judged, or all if none is.

    Beyond the limit a Gaussian map has no finite error: the factor there is that of the largest rank inside.
    """
    L, N = _sizes(scale)
    check = _cross_check(scale, rng)
    table = pd.DataFrame(
        [
            asdict(low_rank_trial(M, L, N, R, rng=rng, temporal=temporal, trial=trial))
            for M, R, trials in cells
            for trial in range(trials)
        ]
    )
    judged: dict[int, list[int]] = {}
    for M in dict.fromkeys(nodes for nodes, _, _ in cells):
        ranks = [R for nodes, R, _ in cells if nodes == M]
        judged[M] = [R for R in ranks if _inside(M, R, N, L)] or ranks
    level = 1 - 0.05 / sum(map(len, judged.values()))  # together at 95 %
    measurements: list[Measurement] = []
    for M, ranks in judged.items():
        largest = max(_ranks(M, N, L, inside=True))
        intervals: list[Interval] = []
        for R in ranks:
            rows = table[(table.nodes == M) & (table["rank"] == R)]
            errors = rows.rmse / rows.oracle_rmse / _factor(M, min(R, largest), N, L)
            intervals.append(mean_interval(np.minimum(errors, CAP), level))
        worst = max(intervals, key=lambda interval: interval.high)
        name = f"M/NL = {M / (N * L):.1f}: mean error of the worst cell, errors above {CAP:.0f} counted as {CAP:.0f}"
        measurements.append(Measurement.from_interval(name, worst, "<=", 2.0, unit="noise floors"))
    return Evidence(
        [
            *measurements,
            Measurement("input values recovered per node, NL/M: smallest", min(N * L / M for M in judged), ">", 1.0),
            Measurement("largest relative duality gap", float(table.gap.max()), "<=", GAP),
            *check,
        ],
        table,
        note=f"L = {L}, N = {N}, {temporal} temporal factors; every trial with a network, input and noise of its own",
    )


@claim(
    "charles2018/lowrank-recovery",
    source="charles2018",
    locator="Results and Figure 2, bottom left",
    kind="statistical",
    statement=(
        r"A state of $M < NL$ nodes determines a low-rank input of $NL$ values up to the noise floor: with rank $R$ "
        r"and $M \geq 3\,\delta(R, N, L)$, where $\delta$ is the statistical dimension of the descent cone of the "
        r"nuclear norm, the mean squared error of nuclear-norm minimisation is at most twice the floor. The floor is "
        r"the error of the oracle, least squares on the tangent space of the rank-$R$ matrices at the input, times the "
        r"ratio of nuclear-norm to oracle error that a Gaussian map would give. (The theorem of the paper, "
        r"$M \geq C R (N + L) \log^g(NL)$ times a coherence, leaves its constants open; this is its content at the "
        r"sizes shown. At rank one the random frequencies need the margin of three; with two, more "
        r"than one network in ten has an error above twice the floor.)"
    ),
    assumptions=[
        r"orthogonal $W$ with iid uniform eigenvalue angles, $Z$ iid $N(0, 1/M)$",
        r"$S = T B^\top$ with iid $N(0, 1)$ temporal factors $T$ ($N \times R$, low coherence) and weights $B$",
        r"noise $\|e\| = 10^{-2} \|\mathcal{A}(S)\|$ in the state",
        r"penalty $\lambda = \frac14 \sigma (\sqrt L + \sqrt N)$ with known $\sigma = \|e\| / \sqrt{M}$",
    ],
    depends=["charles2018/unrolling"],
)
def lowrank_recovery(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Ranks up to beyond the limit are computed for the figure; those with M >= 3 delta are judged."""
    L, N = _sizes(scale)
    cells = [
        (M, R, trials)
        for M in _nodes(scale)
        for inside, trials in ((True, 20), (False, 3))
        for R in _ranks(M, N, L, inside)
    ]
    return _recovery(scale, rng, cells)


@lowrank_recovery.control("rank beyond the limit: about 0.8 M parameters, whose statistical dimension exceeds M")
def lowrank_recovery_rank(scale: Scale, rng: np.random.Generator) -> Evidence:
    L, N = _sizes(scale)
    cells = [(M, max(_ranks(M, N, L, inside=False)), scale.pick(quick=5, paper=4)) for M in _nodes(scale)]
    return _recovery(scale, rng, cells)


@lowrank_recovery.control("sinusoidal temporal factors, of high coherence with the rotations of W, at few nodes")
def lowrank_recovery_sinusoidal(scale: Scale, rng: np.random.Generator) -> Evidence:
    """A small network and rank one: the margin holds, the coherence is the only premise that is broken."""
    L, N = _sizes(scale)
    M = 2 * round(scale.pick(quick=0.5, paper=0.35) * N * L / 2)  # more streams make it easier: fewer nodes there
    return _recovery(scale, rng, [(M, 1, scale.pick(quick=50, paper=40))], "sinusoidal")
