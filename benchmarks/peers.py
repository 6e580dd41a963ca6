"""The problems and the solvers of benchmarks/recovery.py: linmem, and what its users would take otherwise.

Every solver gets the network, the state and the penalty of an instance and returns coefficients; whatever it needs of
the network (a dense matrix for all but linmem) is built inside. Each has one setting that trades accuracy for time,
its own tolerance or a number of iterations, on a ladder of steps of 10^(1/8). linmem alone is
not tuned: it runs at ``tol=1e-6``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from linmem.discrete.model import RandomNetwork, low_rank_signal, relative_noise, sparse_signal, temporal_basis
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recovery import default_nuclear_penalty, default_penalty, lasso, nuclear

TIME_LIMIT = 600.0
"""Seconds after which SCS and CLARABEL are told to stop."""


@dataclass(frozen=True)
class Size:
    """Sizes of a problem: ``complexity`` is the number K of non-zeros, or the rank R of a nuclear-norm problem."""

    kind: str
    L: int
    N: int
    M: int
    complexity: int
    basis: str = "canonical"
    support: str = "random"

    @property
    def label(self) -> str:
        """One word for tables."""
        letter, extra = "K" if self.kind == "sparse" else "R", f", {self.support} {self.basis}"
        sizes = f"{self.kind} L={self.L} N={self.N} M={self.M} {letter}={self.complexity}"
        return sizes if self.basis == "canonical" else sizes + extra


class Instance:
    """A problem with its data; the signal has relative noise 1e-2, the penalty is linmem's default."""

    def __init__(self, size: Size, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.size = size
        self.network = RandomNetwork(size.M, size.L, seed=rng)
        if size.kind == "sparse":
            S = sparse_signal(size.N, size.L, size.complexity, size.basis, support=size.support, rng=rng).sequence
        else:
            S = low_rank_signal(size.N, size.L, size.complexity, rng=rng).sequence
        clean = sequence_operator(self.network, size.N).state(S)
        noise = relative_noise(clean, 1e-2, rng=rng)
        sigma = float(np.linalg.norm(noise)) / np.sqrt(size.M)
        self.sequence, self.state = S, clean + noise
        if size.kind == "sparse":
            self.lam = default_penalty(sigma, size.N * size.L)
        else:
            self.lam = default_nuclear_penalty(sigma, size.L, size.N)

    def dense(self) -> np.ndarray:
        """The matrix of the operator in column-major order, which coordinate descent needs; built in place."""
        size, H = self.size, self.size.M // 2
        F = self.network.modal_powers(size.N)
        if size.basis != "canonical":
            F = F @ temporal_basis(size.basis, size.N).matrix
        f, z = F.T[:, None, :], self.network.modes.T[None]
        columns = np.empty((size.N, size.L, size.M))
        real, imag = columns[..., :H], columns[..., H:]
        np.multiply(f.real, z.real, out=real)
        real -= f.imag * z.imag
        np.multiply(f.real, z.imag, out=imag)
        imag += f.imag * z.real
        return columns.reshape(size.N * size.L, size.M).T

    @cached_property
    def checked(self) -> np.ndarray:
        """The dense matrix that gaps are measured with."""
        return self.dense()

    @cached_property
    def radius(self) -> float:
        """l1 norm of the solution: what spgl1 is told in place of the penalty."""
        solution = lasso(self.network, self.state, self.size.N, self.size.basis, lam=self.lam, tol=1e-9)
        return float(np.abs(solution.coefficients).sum())

    def gap(self, c: np.ndarray) -> float:
        """Relative duality gap of coefficients ``c.ravel()``, from the dense matrix."""
        b, C = self.state, c.reshape(self.size.N, self.size.L)
        r = b - self.checked @ c.reshape(-1)
        gradient = (self.checked.T @ r).reshape(C.shape)
        if self.size.kind == "sparse":
            penalty, dual = np.abs(C).sum(), np.abs(gradient).max()
        else:
            penalty, dual = np.linalg.norm(C, "nuc"), np.linalg.norm(gradient, 2)
        primal = 0.5 * float(r @ r) + self.lam * float(penalty)
        t = self.lam / dual
        theta = np.clip(float(b @ r) / float(r @ r), -t, t) * r
        return max(0.0, float(primal - theta @ b + 0.5 * theta @ theta) / float(primal))


@dataclass(frozen=True)
class Method:
    """A solver: ``solve(instance, setting)`` and the ladder of its settings, on which the search begins and ends."""

    name: str
    solve: Callable[[Instance, float], np.ndarray]
    kinds: tuple[str, ...] = ("sparse",)
    iterations: bool = False
    first: int = 48
    last: int = 112
    tuned: bool = True
    imports: tuple[str, ...] = ()

    def setting(self, step: int) -> float:
        """Tolerance ``10^(-step/8)``, or number of iterations ``10^(step/8)``."""
        return float(round(10 ** (step / 8))) if self.iterations else 10.0 ** (-step / 8)


def by_linmem(x: Instance, tol: float) -> np.ndarray:
    """``lasso`` or ``nuclear`` from the network: choice, build and solution."""
    if x.size.kind == "sparse":
        return lasso(x.network, x.state, x.size.N, x.size.basis, lam=x.lam, tol=tol).coefficients
    return nuclear(x.network, x.state, x.size.N, lam=x.lam, tol=tol).coefficients


def by_sklearn(x: Instance, tol: float, precompute: bool = False) -> np.ndarray:
    """Coordinate descent."""
    from sklearn.linear_model import Lasso

    model = Lasso(x.lam / x.size.M, fit_intercept=False, precompute=precompute, tol=tol, max_iter=200_000, copy_X=False)
    return model.fit(x.dense(), x.state).coef_


def by_sklearn_gram(x: Instance, tol: float) -> np.ndarray:
    """Coordinate descent on the Gram matrix."""
    return by_sklearn(x, tol, precompute=True)


def by_celer(x: Instance, tol: float) -> np.ndarray:
    """Working sets and dual extrapolation."""
    from celer import Lasso

    return Lasso(x.lam / x.size.M, fit_intercept=False, tol=tol, max_iter=1000).fit(x.dense(), x.state).coef_


def by_skglm(x: Instance, tol: float) -> np.ndarray:
    """Working sets and Anderson acceleration."""
    from skglm import Lasso

    return Lasso(x.lam / x.size.M, fit_intercept=False, tol=tol, max_iter=1000).fit(x.dense(), x.state).coef_


def by_spgl1(x: Instance, tol: float) -> np.ndarray:
    """Spectral projected gradient in the l1 ball of the solution, whose radius it is given."""
    from spgl1 import spg_lasso

    return spg_lasso(x.dense(), x.state, x.radius, opt_tol=tol, dec_tol=tol, iter_lim=200_000)[0]


def by_cvxpy(x: Instance, solver: str, **options: Any) -> np.ndarray:
    """The problem as cvxpy's users write it down."""
    import cvxpy as cp

    C = cp.Variable((x.size.N, x.size.L))
    misfit = cp.sum_squares(x.dense() @ cp.vec(C, order="C") - x.state)
    penalty = cp.norm1(C) if x.size.kind == "sparse" else cp.normNuc(C)
    cp.Problem(cp.Minimize(0.5 * misfit + x.lam * penalty)).solve(solver=solver, **options)
    return np.zeros((x.size.N, x.size.L)) if C.value is None else np.asarray(C.value)


def by_scs(x: Instance, tol: float) -> np.ndarray:
    """Operator splitting."""
    return by_cvxpy(x, "SCS", eps_abs=tol, eps_rel=tol, max_iters=1_000_000, time_limit_secs=TIME_LIMIT)


def by_clarabel(x: Instance, tol: float) -> np.ndarray:
    """Interior points."""
    return by_cvxpy(x, "CLARABEL", tol_gap_abs=tol, tol_gap_rel=tol, tol_feas=tol, time_limit=TIME_LIMIT)


def by_pyproximal(x: Instance, iterations: float) -> np.ndarray:
    """FISTA on the dense matrix; the step from twenty power iterations, 2 % below the inverse of what they find."""
    import pylops
    import pyproximal

    A = x.dense()
    v = np.ones(A.shape[1])
    norm = 0.0
    for _ in range(20):
        v = A.T @ (A @ (v / np.linalg.norm(v)))
        norm = float(np.linalg.norm(v))
    misfit = pyproximal.L2(Op=pylops.MatrixMult(A), b=x.state)
    shape = (x.size.N, x.size.L)
    penalty = pyproximal.L1(x.lam) if x.size.kind == "sparse" else pyproximal.Nuclear(shape, x.lam)
    return pyproximal.optimization.primal.ProximalGradient(
        misfit, penalty, np.zeros(A.shape[1]), tau=0.98 / norm, niter=int(iterations), acceleration="fista"
    )


BOTH = ("sparse", "nuclear")
METHODS = (
    Method("linmem", by_linmem, BOTH, tuned=False),
    Method("scikit-learn", by_sklearn, first=68, imports=("sklearn.linear_model",)),
    Method("scikit-learn, Gram", by_sklearn_gram, first=68, imports=("sklearn.linear_model",)),
    Method("celer", by_celer, first=68, imports=("celer",)),
    Method("skglm", by_skglm, first=76, imports=("skglm",)),
    Method("spgl1", by_spgl1, first=52, imports=("spgl1",)),
    Method("cvxpy, SCS", by_scs, BOTH, first=40, imports=("cvxpy", "scs")),
    Method("cvxpy, CLARABEL", by_clarabel, BOTH, first=44, imports=("cvxpy", "clarabel")),
    Method("pyproximal", by_pyproximal, BOTH, iterations=True, first=26, last=36, imports=("pylops", "pyproximal")),
)
