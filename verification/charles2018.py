"""Claims of Charles, Yap, Yin and Rozell (2018): random linear networks as compressors of structured input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete import (
    RandomNetwork,
    default_penalty,
    lasso,
    lasso_prediction,
    relative_noise,
    sequence_operator,
    sparse_signal,
    sparse_trial,
    statistical_dimension,
)
from linmem.statistics import mean_interval

ROUNDOFF = 2.0**-53


# ---------------------------------------------------------------------------------------------------------- unrolling
def _stepped(network: RandomNetwork, S: np.ndarray) -> np.ndarray:
    """The recursion with the dense matrices W and Z, written out."""
    W, Z = network.W, network.Z
    x = np.zeros(network.M)
    for s in S:
        x = W @ x + Z @ s
    return x


def _rounding_bound(network: RandomNetwork, S: np.ndarray) -> np.ndarray:
    """First-order bound of the rounding errors of a recursion and of an operator together, per state entry.

    Every term ``lambda^age z s`` of mode h has size ``q^age |z_h| |s|``; B_h is the sum of these. In units of the
    roundoff u and of B_h the recursion costs 7 per step (eigenvalue 3, complex product 3, sum 1) and L + 1 for Z s;
    the operator pi N + 5 for the powers (phase w age, cosine, power of q), at most 3 + N L for stored columns and
    their sum, or N + 2 L + 4 for the factored form, which is less for N, L >= 2.
    """
    N, L = S.shape
    weight = network.q ** np.arange(N - 1, -1, -1.0) @ np.abs(S)
    B = np.abs(network.modes) @ weight
    count = (7 * N + L + 1) + (np.pi * N + 5) + (N * L + 3 + N + 2 * L + 4)
    return np.tile(count * ROUNDOFF / (1 - count * ROUNDOFF) * B, 2)


def _transform_bound(network: RandomNetwork, S: np.ndarray) -> np.ndarray:
    """What nonuniform FFTs may add: ten times the 1e-13 asked of finufft,
    relative to the sum of the absolute terms, which is B_h."""
    weight = network.q ** np.arange(len(S) - 1, -1, -1.0) @ np.abs(S)
    return np.tile(1e-12 * (np.abs(network.modes) @ weight), 2)


def _unrolling(scale: Scale, rng: np.random.Generator, driven: Callable[[np.ndarray], np.ndarray]) -> Evidence:
    """Compare the final state of the input ``driven(S)`` with A(S)."""
    sizes = scale.pick(quick=[(40, 3, 25), (120, 10, 40)], paper=[(120, 10, 40), (800, 40, 100)])
    rows: list[dict[str, object]] = []
    for M, L, N in sizes:
        for spectrum in ("iid", "haar"):
            for q in (1.0, 0.9):
                network = RandomNetwork(M, L, spectrum, q, seed=rng)
                S = rng.standard_normal((N, L))
                rounding = _rounding_bound(network, S)
                states = {"W and Z": _stepped(network, driven(S)), "simulate": network.simulate(driven(S))}
                for method in ("dense", "gemm", "nufft"):
                    bound = rounding + _transform_bound(network, S) if method == "nufft" else rounding
                    unrolled = sequence_operator(network, N, method).state(S)
                    for run, state in states.items():
                        error = float((np.abs(state - unrolled) / bound).max())
                        size = float(np.linalg.norm(state - unrolled) / np.linalg.norm(unrolled))
                        row = {"operator": method, "recursion": run, "spectrum": spectrum, "q": q, "nodes": M}
                        rows.append({**row, "error in bounds": error, "relative error": size})
    table = pd.DataFrame(rows)
    worst = table.groupby(["operator", "recursion"], sort=False)["error in bounds"].max()
    return Evidence(
        [
            Measurement(
                f"{operator} operator against {run}: largest difference", value, "<=", 1.0, unit="rounding bounds"
            )
            for (operator, run), value in worst.items()
        ],
        table,
        note=f"{len(sizes) * 4} networks: iid and Haar spectra, q = 1 and q = 0.9",
    )


@claim(
    "charles2018/unrolling",
    source="charles2018",
    locator="Results, x[N] = A(S)",
    kind="numerical",
    statement=(
        r"The state of the network $x[n] = W x[n-1] + Z s[n]$, $x[0] = 0$, after $N$ steps is a linear map of the "
        r"whole input, $x[N] = \mathcal{A}(S) = \sum_{n=1}^{N} W^{N-n} Z s[n]$: recursion and map agree within the "
        r"rounding errors of both."
    ),
    assumptions=[
        r"$W$ has eigenvalues $q e^{\pm j w_h}$, $h = 1 \dots M/2$ ($q = 1$: orthogonal)",
        r"no noise inside the network",
    ],
)
def unrolling(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Dense, factored and NUFFT operator against the recursion written out and against the library's simulation."""
    return _unrolling(scale, rng, lambda S: S)


@unrolling.control("the network reads the input in reversed order, newest step first")
def unrolling_reversed(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _unrolling(scale, rng, lambda S: S[::-1])


@unrolling.control("one power of W too many: the state is read one step later")
def unrolling_shifted(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _unrolling(scale, rng, lambda S: np.vstack([S, np.zeros((1, S.shape[1]))]))


# ---------------------------------------------------------------------------------------------------- sparse recovery
GAP = 1e-6
GAMMAS = (0.3, 0.5, 0.7)
SPARSE = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)


def _sizes(scale: Scale) -> tuple[int, int]:
    """L and N."""
    return scale.pick(quick=(10, 40), paper=(40, 100))


def _even(size: float) -> int:
    """The nearest even integer."""
    return 2 * round(size / 2)


def _nodes(scale: Scale) -> list[int]:
    L, N = _sizes(scale)
    return [_even(gamma * N * L) for gamma in GAMMAS]


def _factor(M: int, K: int, n: int) -> float:
    """Predicted error of the LASSO over that of the oracle, both for a Gaussian map."""
    return lasso_prediction(K, n, M, default_penalty(1.0, n)).error / (K / (M - K - 1))


def _counts(M: int, n: int, inside: bool) -> list[int]:
    """The sparsities of the grid that M nodes hold with a margin of two, ``2 delta(K, n) <= M``, or all others."""
    counts = [round(rho * M) for rho in SPARSE]
    return [K for K in counts if (2 * statistical_dimension(K, n) <= M) == inside]


def _cross_check(scale: Scale, rng: np.random.Generator) -> list[Measurement]:
    """Largest differences between our LASSO and cvxpy's interior-point solution of the same problems.

    The interior-point solver takes minutes at the paper's sizes, so these problems stay smaller.
    """
    import cvxpy as cp

    L, N = scale.pick(quick=(10, 40), paper=(20, 50))
    objective, fit, estimate = [], [], []
    for gamma in GAMMAS[:2]:
        M = _even(gamma * N * L)
        network = RandomNetwork(M, L, seed=rng)
        signal = sparse_signal(N, L, round(0.1 * M), rng=rng)
        clean = network.simulate(signal.sequence)
        noise = relative_noise(clean, 1e-2, rng=rng)
        state, sigma = clean + noise, float(np.linalg.norm(noise)) / np.sqrt(M)
        found = lasso(network, state, N, noise=sigma, tol=GAP)
        matrix = sequence_operator(network, N, "dense").columns(np.arange(N * L))
        a = cp.Variable(N * L)
        cost = 0.5 * cp.sum_squares(matrix @ a - state) + found.penalty * cp.norm1(a)
        cp.Problem(cp.Minimize(cost)).solve(solver=cp.CLARABEL)
        other = np.asarray(a.value)
        theirs = 0.5 * np.sum((matrix @ other - state) ** 2) + found.penalty * np.abs(other).sum()
        difference = found.coefficients.ravel() - other
        objective.append(abs(found.objective - theirs) / found.objective)
        fit.append(0.5 * np.sum((matrix @ difference) ** 2) / found.objective)
        estimate.append(np.sum(difference**2) / np.sum(signal.sequence**2))
    return [
        Measurement("objective against cvxpy: largest relative difference", max(objective), "<=", GAP),
        # P(a) - min P >= ||A (a - a*)||^2 / 2 for the minimiser a*; both solutions lie within their gaps of it.
        Measurement(
            "fit against cvxpy: ||A (a - a')||^2 / 2 over objective", max(fit), "<=", (1 + np.sqrt(2)) ** 2 * GAP
        ),
        Measurement("estimate against cvxpy: largest relative squared difference", max(estimate), "<=", 1e-6),
    ]


def _recovery(scale: Scale, rng: np.random.Generator, cells: Sequence[tuple[int, int, int]]) -> Evidence:
    """Trials of cells (M, K, number of trials); those inside the margin are judged, or all if none is."""
    L, N = _sizes(scale)
    n = N * L
    check = _cross_check(scale, rng)
    table = pd.DataFrame(
        [asdict(sparse_trial(M, L, N, K, rng=rng, trial=trial)) for M, K, trials in cells for trial in range(trials)]
    )
    judged: dict[int, list[int]] = {}
    for M in _nodes(scale):
        counts = [K for nodes, K, _ in cells if nodes == M]
        judged[M] = [K for K in counts if K in _counts(M, n, inside=True)] or counts
    level = 1 - 0.05 / sum(map(len, judged.values()))  # together at 95 %
    measurements: list[Measurement] = []
    for M, counts in judged.items():
        intervals = []
        for K in counts:
            rows = table[(table.nodes == M) & (table.nonzeros == K)]
            factor = _factor(M, min(K, max(_counts(M, n, inside=True))), n)
            intervals.append(mean_interval(rows.rmse / rows.oracle_rmse / factor, level))
        worst = max(intervals, key=lambda interval: interval.high)
        name = f"M/NL = {M / n:.1f}: mean error of the worst cell"
        measurements.append(Measurement.from_interval(name, worst, "<=", 2.0, unit="noise floors"))
    inputs = min(n / M for M in judged)
    return Evidence(
        [
            *measurements,
            Measurement("input values recovered per node, NL/M: smallest", inputs, ">", 1.0),
            Measurement("largest relative duality gap", float(table.gap.max()), "<=", GAP),
            *check,
        ],
        table,
        note=f"L = {L}, N = {N}; every trial with a network, input and noise of its own",
    )


@claim(
    "charles2018/sparse-recovery",
    source="charles2018",
    locator="Results and Figure 2, top left",
    kind="statistical",
    statement=(
        r"A state of $M < NL$ nodes determines a sparse input of $NL$ values up to the noise floor: with $K$ non-zeros "
        r"and $M \geq 2\,\delta(K, NL)$, where $\delta$ is the statistical dimension of the $\ell_1$ descent cone, the "
        r"mean squared error of the LASSO is at most twice the floor. The floor is the error of the oracle, least "
        r"squares on the known support, times the ratio of LASSO to oracle error that a Gaussian map would give. (The "
        r"theorem of the paper, $M \geq C K \mu^2 \log^g(NL)$, leaves its constants open; this is its content at the "
        r"sizes shown.)"
    ),
    assumptions=[
        r"orthogonal $W$ with iid uniform eigenvalue angles, $Z$ iid $N(0, 1/M)$",
        r"support uniform over the $NL$ positions (canonical basis, coherence $\mu = 1$), amplitudes iid $N(0, 1)$",
        r"noise $\|e\| = 10^{-2} \|\mathcal{A}(S)\|$ in the state",
        r"penalty $\lambda = \frac14 \sigma \sqrt{2 \ln NL}$ with known $\sigma = \|e\| / \sqrt{M}$",
    ],
    depends=["charles2018/unrolling"],
    figure="charles2018_recovery",
)
def sparse_recovery(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Sparsities up to beyond the limit are computed for the figure; those with M >= 2 delta are judged."""
    L, N = _sizes(scale)
    cells = [
        (M, K, trials)
        for M in _nodes(scale)
        for inside, trials in ((True, scale.pick(quick=30, paper=20)), (False, scale.pick(quick=8, paper=5)))
        for K in _counts(M, N * L, inside)
    ]
    return _recovery(scale, rng, cells)


@sparse_recovery.control("more non-zeros than the state can hold: K = 0.8 M, whose statistical dimension exceeds M")
def sparse_recovery_dense(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The floor's factor is that of the largest admissible sparsity: beyond the limit a Gaussian map has none."""
    return _recovery(scale, rng, [(M, round(0.8 * M), scale.pick(quick=6, paper=3)) for M in _nodes(scale)])
