"""Restricted isometry: ``delta_K = max over supports J of K columns of ||A_J^T A_J - I||``.

The maximum runs over binom(N L, K) supports. :func:`rip_constant` takes them all, for tiny sizes; :func:`rip_probe`
samples some and searches near the worst of them, which gives a LOWER bound of delta_K and never certifies that the
isometry holds. Letters: N L columns, M nodes; a support is a set of positions in ``C.ravel()``.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from linmem.checks import check_choice, check_generator, check_integer
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.model.signals import SUPPORTS, sparse_signal
from linmem.discrete.operators import NormalOperator, SequenceOperator, normal_operator
from linmem.discrete.recovery.target import resolve_target

Target = RandomNetwork | SequenceOperator | NormalOperator

MOST_SUPPORTS = 10_000_000
"""Largest number of supports that :func:`rip_constant` enumerates."""
STORED_COLUMNS = 2048
"""The whole Gram matrix is stored up to this many columns (32 MiB)."""
_CHUNK_ENTRIES = 2**21


class _Gram:
    """Blocks of ``A^T A`` and products with it; the whole matrix if it is small."""

    def __init__(self, target: Target, N: int | None, basis: BasisLike) -> None:
        operator: SequenceOperator | NormalOperator
        if isinstance(target, NormalOperator):
            if basis is not None or (N is not None and target.N != N):
                raise ValueError(
                    f"an operator has its own N = {target.N} and basis, got N = {N} and basis {type(basis).__name__}; "
                    "leave both out, or pass the network"
                )
            operator = target
        else:
            operator, _ = resolve_target(target, N, basis)
        self.M, self.N, self.L = operator.network.M, operator.N, operator.L
        self.size = self.N * self.L
        self.whole: Float[np.ndarray, "n n"] | None = None
        self._operator = operator
        if self.size <= STORED_COLUMNS:
            if isinstance(operator, NormalOperator):
                self.whole = operator.gram(np.arange(self.size))
            else:
                A = operator.columns(np.arange(self.size))
                self.whole = A.T @ A

    @cached_property
    def normal(self) -> NormalOperator:
        """The operator ``A^T A``."""
        given = self._operator
        return (
            given if isinstance(given, NormalOperator) else normal_operator(given.network, given.N, basis=given.basis)
        )

    def blocks(self, J: Int[np.ndarray, "B K"]) -> Float[np.ndarray, "B K K"]:
        """``A_J^T A_J`` for each row of J."""
        if self.whole is not None:
            return self.whole[J[:, :, None], J[:, None, :]]
        return np.stack([self.normal.gram(row) for row in J])

    def apply(self, J: Int[np.ndarray, "K"], v: Float[np.ndarray, "K"]) -> Float[np.ndarray, "n"]:
        """``A^T A x`` for the vector x with entries v on J."""
        if self.whole is not None:
            return self.whole[:, J] @ v
        x = np.zeros(self.size)
        x[J] = v
        return self.normal @ x

    def deviations(self, J: Int[np.ndarray, "B K"]) -> Float[np.ndarray, "B"]:
        """``||A_J^T A_J - I||`` for each row of J, in batches."""
        rows = max(1, _CHUNK_ENTRIES // J.shape[1] ** 2)
        parts = [np.linalg.eigvalsh(self.blocks(J[i : i + rows])) for i in range(0, len(J), rows)]
        return np.concatenate([np.maximum(w[:, -1] - 1, 1 - w[:, 0]) for w in parts])


def gaussian_deviation(K: int, M: int) -> float:
    """``2 sqrt(K/M) + K/M = (1 + sqrt(K/M))^2 - 1``: limit of ``||A_J^T A_J - I||`` for one support of a Gaussian map.

    A_J has K iid Gaussian columns of mean square norm 1. The limit (M, K large, K/M fixed) is the upper edge of the law
    of Marchenko and Pastur; it is no bound of delta_K, which is a maximum over all supports.

    >>> gaussian_deviation(25, 100)
    1.25
    """
    ratio = check_integer("K", K, minimum=1) / check_integer("M", M, minimum=1)
    return 2 * math.sqrt(ratio) + ratio


@dataclass(frozen=True, eq=False)
class RipProbe:
    """What sampling and search have found of the restricted isometry constant.

    Attributes
    ----------
    lower_bound : largest ``||A_J^T A_J - I||`` found; delta_K is at least this, and may be larger.
    support : (K,) ascending positions J where it was found.
    extremes : smallest and largest eigenvalue of ``A_J^T A_J`` there.
    sampled : ``||A_J^T A_J - I||`` of the sampled supports, ascending.
    gaussian : what one support of a Gaussian map gives in the limit, :func:`gaussian_deviation`.
    """

    lower_bound: float
    support: Int[np.ndarray, "K"]
    extremes: tuple[float, float]
    sampled: Float[np.ndarray, "S"]
    gaussian: float

    def quantile(self, probability: float) -> float:
        """Quantile of the sampled deviations: 0.5 for the median of a random support."""
        return float(np.quantile(self.sampled, probability))


def _units(kind: str, J: Int[np.ndarray, "K"], N: int, L: int) -> Int[np.ndarray, "n"]:
    """The unit that each column belongs to when supports of this kind exchange units; -1 for columns that stay put.

    All units have the same size: single columns, or for joint supports the L columns of an atom. An atom that J holds
    in a part of the streams stays.
    """
    n = np.arange(N * L)
    if kind == "random":
        return n
    if kind == "single-stream":
        return np.where(n % L == J[0] % L, n, -1)
    held = np.bincount(J // L, minlength=N)
    partial = (held > 0) & (held < L)
    return np.where(partial[n // L], -1, n // L)


def _climb(
    gram: _Gram, J: Int[np.ndarray, "K"], unit: Int[np.ndarray, "n"], steps: int
) -> tuple[Int[np.ndarray, "K"], float, float]:
    """Exchange units of J as long as its deviation grows: support, smallest and largest eigenvalue.

    With v the extreme eigenvector on J, units that carry least of v make place for those outside that correlate most
    with A_J v: to second order a column i moves the extreme eigenvalue by ``(a_i . A_J v)^2`` over a difference.
    """
    best = J
    w, vectors = np.linalg.eigh(gram.blocks(best[None])[0])
    end = -1 if w[-1] - 1 >= 1 - w[0] else 0
    sign = 1 if end else -1
    free = np.flatnonzero(unit >= 0)
    count = int(unit.max()) + 1 if free.size else 0
    possible = np.bincount(unit[free], minlength=count) > 0
    swaps = max(1, len(np.unique(unit[best])) // 4)
    for _ in range(steps):
        mine, v = unit[best], vectors[:, end]
        movable = mine >= 0
        carried = np.bincount(mine[movable], v[movable] ** 2, minlength=count)
        inside = np.bincount(mine[movable], minlength=count) > 0
        pull = np.bincount(unit[free], gram.apply(best, v)[free] ** 2, minlength=count)
        leave, enter = np.flatnonzero(inside), np.flatnonzero(~inside & possible)
        swaps = min(swaps, leave.size, enter.size)
        if swaps == 0:
            break
        leave, enter = leave[np.argsort(carried[leave])][:swaps], enter[np.argsort(-pull[enter])][:swaps]
        new = np.sort(np.concatenate([best[~np.isin(mine, leave)], free[np.isin(unit[free], enter)]]))
        w_new, vectors_new = np.linalg.eigh(gram.blocks(new[None])[0])
        if sign * (w_new[end] - w[end]) > 1e-12 * abs(w[-1]):
            best, w, vectors = new, w_new, vectors_new
        else:
            swaps //= 2
    return best, float(w[0]), float(w[-1])


def _check_sparsity(K: object, limit: int) -> int:
    sparsity = check_integer("K", K, minimum=1)
    if sparsity > limit:
        raise ValueError(f"K must be <= {limit} (all columns), got {sparsity}; pass a smaller K")
    return sparsity


@cites("charles2018", "Results, restricted isometry of the sparse input model")
@cites("candes2005", "restricted isometry constants")
def rip_probe(
    target: Target,
    K: int,
    N: int | None = None,
    basis: BasisLike = None,
    *,
    support: str = "random",
    samples: int = 100,
    search: int = 50,
    rng: np.random.Generator | int,
) -> RipProbe:
    """LOWER bound of ``delta_K``: the largest ``||A_J^T A_J - I||`` over sampled supports, improved by local search.

    Parameters
    ----------
    target : the network (then N is needed), or an operator made from it.
    K : columns in a support, 1 <= K <= N L (<= N for a single stream).
    N, basis : time steps and temporal basis, as for :func:`linmem.discrete.operators.sequence_operator`.
    support : the kind of supports, "random", "joint" or "single-stream" as in
        :func:`linmem.discrete.model.sparse_signal`. The search stays within the kind.
    samples : number of sampled supports, >= 1. Their deviations are independent given the network.
    search : number of exchanges tried from the worst sampled support; 0 for none.
    rng : seed or generator.

    Returns
    -------
    :class:`RipProbe`. A probe below 1 is no proof that the isometry holds.

    Raises
    ------
    ValueError : if a size is out of range or the kind of support is unknown.

    Cost: the eigenvalues of ``samples + search`` matrices of size K, and ``search`` products with A^T A.

    >>> network = RandomNetwork(M=200, L=10, seed=0)
    >>> probe = rip_probe(network, K=8, N=40, samples=50, rng=1)
    >>> probe.lower_bound > probe.quantile(0.5), bool(0.6 < probe.quantile(0.5) / probe.gaussian < 1.4)
    (True, True)
    """
    kind, generator = check_choice("support", support, SUPPORTS), check_generator("rng", rng)
    count, steps = check_integer("samples", samples, minimum=1), check_integer("search", search, minimum=0)
    gram = _Gram(target, N, basis)
    T, L = gram.N, gram.L
    size = _check_sparsity(K, T if kind == "single-stream" else T * L)
    J = np.stack([sparse_signal(T, L, size, support=kind, rng=generator).support for _ in range(count)])
    deviations = gram.deviations(J)
    worst = J[int(deviations.argmax())]
    worst, low, high = _climb(gram, worst, _units(kind, worst, T, L), steps)
    return RipProbe(
        lower_bound=max(high - 1, 1 - low),
        support=worst,
        extremes=(low, high),
        sampled=np.sort(deviations),
        gaussian=gaussian_deviation(size, gram.M),
    )


def _largest_of_pairs(G: Float[np.ndarray, "n n"]) -> float:
    """delta_2 from the eigenvalues ``m ± sqrt(h^2 + g_ij^2)`` of 2 x 2 blocks, m and h mean and half difference."""
    d, worst = np.diag(G), 0.0
    for i in range(len(G) - 1):
        mean, root = (d[i] + d[i + 1 :]) / 2, np.hypot((d[i] - d[i + 1 :]) / 2, G[i, i + 1 :])
        worst = max(worst, float((np.abs(mean - 1) + root).max()))
    return worst


@cites("candes2005", "restricted isometry constants")
def rip_constant(target: Target, K: int, N: int | None = None, basis: BasisLike = None) -> float:
    """The restricted isometry constant ``delta_K`` itself, by enumeration of all supports of K columns.

    ``(1 - delta_K) ||a||^2 <= ||A a||^2 <= (1 + delta_K) ||a||^2`` for every a with at most K non-zeros, and delta_K is
    the smallest such number (up to the rounding of the eigenvalues, of the order of K eps (1 + delta_K)).

    Parameters
    ----------
    target, K, N, basis : as for :func:`rip_probe`.

    Raises
    ------
    ValueError : if there are more than ten million supports. (K = 2 reaches N L = 4472.)

    Cost: one K x K eigenvalue problem a support; pairs have a closed form.

    >>> network = RandomNetwork(M=60, L=3, seed=0)
    >>> rip_constant(network, 1, N=6) <= rip_constant(network, 2, N=6) <= rip_constant(network, 3, N=6)
    True
    """
    gram = _Gram(target, N, basis)
    size = _check_sparsity(K, gram.size)
    supports = math.comb(gram.size, size)
    if supports > MOST_SUPPORTS:
        raise ValueError(
            f"the number of supports must be <= {MOST_SUPPORTS}, got binom({gram.size}, {size}) = {supports:.3g}; "
            "use rip_probe, which gives a lower bound"
        )
    if size == 2:
        return _largest_of_pairs(gram.normal.gram(np.arange(gram.size)) if gram.whole is None else gram.whole)
    every = itertools.combinations(range(gram.size), size)
    worst = 0.0
    while chunk := list(itertools.islice(every, max(1, _CHUNK_ENTRIES // size**2))):
        worst = max(worst, float(gram.deviations(np.array(chunk)).max()))
    return worst
