"""How long a structured input one state of a linear network holds: measured by certified recovery.

After N steps from zero the state is ``x = sum_k A^k B z_{N-k}``, n numbers for N d unknowns. Unstructured input is lost
beyond N d = n. Input that is sparse, or of low rank, is recovered from fewer numbers by convex optimisation: by a
Gaussian map when n exceeds the statistical dimension of the structure, by others if their columns are unlike enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.analysis.unrolled import Columns, columns_of, linear_horizon, unrolled
from linmem.checks import check_choice, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.bounds.lowrank import nuclear_statistical_dimension
from linmem.discrete.bounds.sparse import statistical_dimension
from linmem.discrete.model.bases import temporal_basis
from linmem.discrete.model.lowrank import low_rank_signal
from linmem.discrete.model.signals import sparse_signal
from linmem.discrete.recovery.core import solve
from linmem.discrete.recovery.nuclear_core import solve_nuclear
from linmem.discrete.recovery.nuclear_problem import NuclearProblem
from linmem.discrete.recovery.penalty import default_nuclear_penalty, default_penalty
from linmem.discrete.recovery.quadratic import from_matrix
from linmem.discrete.recovery.result import relative_error
from linmem.statistics import Interval, proportion_interval

STRUCTURES = ("sparse", "joint tones", "low rank")
"""K non-zeros anywhere; the same K tones (atoms of the DCT) in all streams; rank K over steps and streams."""

_GAP = 1e-6
_MOST_PRODUCTS = 20_000


@dataclass(frozen=True)
class HorizonTrials:
    """Trials at one length: ``share`` of recoveries below the threshold, and the largest duality gap among them."""

    steps: int
    share: Interval
    gap: float


@dataclass(frozen=True)
class StructuredRecall:
    """The longest structured input that is recovered from one state.

    Attributes
    ----------
    structure, sparsity : what was drawn: its kind and its K (non-zeros, tones or rank).
    state_size, inputs : n and d.
    horizon : longest N at which at least half of the trials succeeded, below the first one found where fewer did; 0 if
        there is none.
    share : of the trials at the horizon, with its interval; None if the horizon is 0.
    capped : whether the search ended at the longest N it was allowed, so that the true horizon may be longer.
    unstructured : ``n / d`` rounded down: no method recovers more steps of input without structure.
    predicted : longest N whose statistical dimension is at most n, what a Gaussian map recovers; at most ``longest``.
    linear : longest N <= n / d of which the best linear estimate recovers any input, on average over white ones, to the
        same error under the same noise: what the map allows without structure.
    columns : condition and coherence of the map at N = n / d (one column for each number, or each tone). Where columns
        differ much in size, or are nearly parallel, the horizon may lie below n / d.
    trials : all lengths that were tried, ascending.
    threshold, noise : largest relative squared error of a success; noise in the state, relative to it.
    """

    structure: str
    sparsity: int
    state_size: int
    inputs: int
    horizon: int
    share: Interval | None
    capped: bool
    unstructured: int
    predicted: int
    linear: int
    columns: Columns
    trials: tuple[HorizonTrials, ...]
    threshold: float
    noise: float


def _dimension(structure: str, K: int, N: int, d: int) -> float:
    """Statistical dimension of the structure at length N; all N d numbers where N is too short to have it."""
    if structure == "low rank":
        return nuclear_statistical_dimension(min(K, N, d), N, d)
    nonzeros = K if structure == "sparse" else K * d
    return statistical_dimension(min(nonzeros, N * d), N * d)


def _predicted(structure: str, K: int, n: int, d: int, longest: int) -> int:
    """Largest N <= longest with statistical dimension at most n (it grows with N)."""
    low, high = 0, longest + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _dimension(structure, K, middle, d) <= n else (low, middle)
    return low


def _atoms(M: Float[np.ndarray, "n Nd"], structure: str, shape: tuple[int, int]) -> Float[np.ndarray, "n Nd"]:
    """The map of the coefficients: of the inputs themselves, or of their tones."""
    N, d = shape
    if structure != "joint tones":
        return M
    tones = M.reshape(len(M), N, d).transpose(0, 2, 1) @ temporal_basis("dct", N).matrix
    return tones.transpose(0, 2, 1).reshape(len(M), -1)


def _recover_sparse(
    M: Float[np.ndarray, "n Nd"], b: Float[np.ndarray, "n"], sigma: float
) -> tuple[Float[np.ndarray, "Nd"], float]:
    found = solve(from_matrix(M, b, default_penalty(sigma, M.shape[1])), _GAP, _MOST_PRODUCTS)
    return found.x, found.gap


def _recover_low_rank(
    M: Float[np.ndarray, "n Nd"], b: Float[np.ndarray, "n"], sigma: float, shape: tuple[int, int]
) -> tuple[Float[np.ndarray, "Nd"], float]:
    flip = shape[1] > shape[0]

    def inward(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x.reshape(shape).T) if flip else x.reshape(shape)

    def outward(X: np.ndarray) -> np.ndarray:
        return (X.T if flip else X).reshape(-1)

    def residual(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = b - M @ outward(X)
        return r, inward(M.T @ r)

    penalty = default_nuclear_penalty(sigma, shape[1], shape[0])
    problem = NuclearProblem(lambda X: inward(M.T @ (M @ outward(X))), residual, inward(M.T @ b), float(b @ b), penalty)
    curvature = 1.02 * float(np.linalg.norm(M, 2)) ** 2
    found = solve_nuclear(problem, curvature, 0.9 * _GAP, _MOST_PRODUCTS)
    return outward(found.X), problem.certificate(found.X, found.norm)[1]


def _trial(
    M: Float[np.ndarray, "n Nd"], structure: str, K: int, shape: tuple[int, int], noise: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Relative squared error and duality gap of one recovery; M has columns of mean square 1, in the atoms' basis."""
    N, d = shape
    if structure == "low rank":
        truth = low_rank_signal(N, d, K, rng=rng).sequence.ravel()
    elif structure == "sparse":
        truth = sparse_signal(N, d, K, rng=rng).coefficients.ravel()
    else:
        truth = sparse_signal(N, d, K * d, support="joint", rng=rng).coefficients.ravel()
    clean = M @ truth
    sigma = noise * float(np.linalg.norm(clean)) / math.sqrt(len(clean))
    if sigma == 0.0:  # all that is left of the input is zero
        return 1.0, 0.0
    b = clean + sigma * rng.standard_normal(len(clean))
    x, gap = _recover_low_rank(M, b, sigma, shape) if structure == "low rank" else _recover_sparse(M, b, sigma)
    return relative_error(x, truth), gap


@cites("linmem")
@cites("amelunxen2014", "Theorem II")
def structured_recall(
    A: ArrayLike,
    B: ArrayLike,
    structure: str = "sparse",
    *,
    sparsity: int | None = None,
    trials: int = 20,
    threshold: float = 0.01,
    noise: float = 1e-3,
    longest: int | None = None,
    level: float = 0.95,
    rng: np.random.Generator | int,
) -> StructuredRecall:
    """Longest structured input that is recovered from one state in at least half of the trials.

    Each trial draws an input of N steps, adds noise to the state it leaves, and recovers it by the LASSO or the nuclear
    norm at the default penalty. A trial is a success if the relative squared error is at most ``threshold`` and the
    relative duality gap at most 1e-6. N is doubled until fewer than half succeed, then bisected to 5 %: success is
    taken to fall with N.

    Parameters
    ----------
    A, B : (n, n) and (n,) or (n, d), the linear network ``x_t = A x_{t-1} + B z_t``.
    structure : "sparse" (K non-zeros drawn at random), "joint tones" (K atoms of the DCT, the same in all streams) or
        "low rank" (rank K; needs d >= 2).
    sparsity : K; default n/4 (sparse), n/(4 d) (joint tones), 1 (low rank), at least 1.
    trials : at each length.
    threshold : largest relative squared error of a success.
    noise : size of the noise relative to the state, > 0 (it sets the penalty).
    longest : longest N that is tried; default 16 n / d, at least 2 K.
    level : of the intervals.
    rng : generator or seed.

    Raises
    ------
    ValueError : for a shape or a number out of range.

    Cost: about ten lengths; at n = 50, d = 1 a trial of the LASSO takes 1 to 5 ms; at n = 100,
    d = 8 one of the nuclear norm 0.3 s.

    >>> rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0]
    >>> found = structured_recall(rotation, np.eye(24)[0], sparsity=2, trials=4, rng=1)
    >>> found.unstructured, found.horizon > 24
    (24, True)
    """
    matrix = unrolled(A, B, 1)
    n, d = matrix.shape
    kind = check_choice("structure", structure, STRUCTURES)
    if kind == "low rank" and d < 2:
        raise ValueError(f"low rank needs at least 2 input streams, got {d}; pass a B of shape (n, d), or 'sparse'")
    usual = {"sparse": n // 4, "joint tones": n // (4 * d), "low rank": 1}[kind]
    K = max(1, usual) if sparsity is None else check_integer("sparsity", sparsity, minimum=1)
    if kind == "low rank":
        check_integer("sparsity", K, maximum=d)
    count, generator = check_integer("trials", trials, minimum=1), check_generator("rng", rng)
    bound, relative = check_positive("threshold", threshold), check_positive("noise", noise)
    least = {"sparse": -(-K // d), "joint tones": K, "low rank": K}[kind]
    most = max(-(-16 * n // d), 2 * least) if longest is None else check_integer("longest", longest, minimum=least)
    tried: dict[int, HorizonTrials] = {}

    def succeeds(N: int) -> bool:
        columns = _atoms(unrolled(A, B, N), kind, (N, d))
        size = float(np.linalg.norm(columns))
        outcomes = [(1.0, 0.0)] * count
        if size > 0.0:
            columns *= math.sqrt(N * d) / size
            outcomes = [_trial(columns, kind, K, (N, d), relative, generator) for _ in range(count)]
        wins = sum(error <= bound and gap <= _GAP for error, gap in outcomes)
        tried[N] = HorizonTrials(N, proportion_interval(wins, count, level), max(gap for _, gap in outcomes))
        return 2 * wins >= count

    horizon = _search(succeeds, least, max(least, n // d), most)
    return StructuredRecall(
        structure=kind,
        sparsity=K,
        state_size=n,
        inputs=d,
        horizon=horizon,
        share=tried[horizon].share if horizon else None,
        capped=horizon == most,
        unstructured=n // d,
        predicted=_predicted(kind, K, n, d, most),
        linear=linear_horizon(A, B, bound, relative),
        columns=columns_of(_atoms(unrolled(A, B, max(1, n // d)), kind, (max(1, n // d), d))),
        trials=tuple(tried[N] for N in sorted(tried)),
        threshold=bound,
        noise=relative,
    )


def _search(succeeds: Callable[[int], bool], least: int, start: int, most: int) -> int:
    """Largest length that succeeds, to 5 %: doubled or halved from ``start``, then bisected; 0 if none does."""
    start = min(start, most)
    if succeeds(start):
        low = high = start
        while low == high < most:
            high = min(2 * low, most)
            low = high if succeeds(high) else low
        if low == high:
            return low
    else:
        low = high = start
        while low == high > least:
            low = max(low // 2, least)
            high = low if not succeeds(low) else high
        if low == high:
            return 0
    while high - low > max(1, low // 20):
        middle = (low + high) // 2
        low, high = (middle, high) if succeeds(middle) else (low, middle)
    return low
