r"""Memory of several inputs: x_t = A x_{t-1} + C z_t with C of shape (N, d) and z white in time.

With Sigma = L L^T the covariance of the d inputs at one time, B = C L and G = sum_j A^j B B^T (A^j)^T, the matrix
M_tau = (A^tau B)^T G^{-1} (A^tau B) lies between 0 and I, and

- input i is remembered at lag tau to the extent MC_{tau,i} = (L M_tau L^T)_ii / Sigma_ii, the squared correlation of
  its best linear read-out;
- tr M_tau, the joint memory, adds up over d uncorrelated combinations of the inputs. It is summed over all lags to the
  dimension of the space that the inputs reach: several inputs share the N dimensions.

For uncorrelated inputs the joint memory is the sum over the inputs. Correlated inputs are partly the same input: their
memories together exceed the joint one, up to d times N.

Neither G nor its inverse is formed: the values are sums of squares of the all-pass chain of
:mod:`linmem.capacity.extended.normal_form`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.extended.normal_form import NormalForm, geometric_sum, input_normal_form, reflected
from linmem.capacity.linear import check_system, reachable_part
from linmem.capacity.result import MemoryCurve
from linmem.checks import check_array, check_integer
from linmem.citations import cites

_ERROR = "ten times the change of the result under a reflection of the state space (an estimate of the rounding errors)"
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class InputCurves:
    """Memory curves of d inputs of one network.

    Attributes
    ----------
    values, low, high : (d, max_lag + 1) memory of each input at the lags 0 .. max_lag, and the ends of its interval.
    joint, joint_low, joint_high : (max_lag + 1,) joint memory tr M_tau, between 0 and d.
    states : state size N.
    rank : dimension of the space that the inputs reach; the joint memory at all lags sums to it.
    error : what the intervals are.
    """

    values: Float[np.ndarray, "d lags"]
    low: Float[np.ndarray, "d lags"]
    high: Float[np.ndarray, "d lags"]
    joint: Float[np.ndarray, "lags"]
    joint_low: Float[np.ndarray, "lags"]
    joint_high: Float[np.ndarray, "lags"]
    states: int
    rank: int
    error: str

    @property
    def inputs(self) -> int:
        """Number of inputs d."""
        return len(self.values)

    def curve(self, i: int) -> MemoryCurve:
        """The memory curve of input i = 0 .. d - 1."""
        index = check_integer("i", i, minimum=0, maximum=self.inputs - 1)
        ends = self.low[index], self.high[index]
        return MemoryCurve(self.values[index], *ends, "exact", self.states, self.rank, self.error)

    def to_frame(self) -> pd.DataFrame:
        """One row for each input and lag: input, lag, value, low, high."""
        d, lags = self.values.shape
        return pd.DataFrame(
            {
                "input": np.repeat(np.arange(d), lags),
                "lag": np.tile(np.arange(lags), d),
                "value": self.values.ravel(),
                "low": self.low.ravel(),
                "high": self.high.ravel(),
            }
        )


@dataclass(frozen=True, eq=False)
class InputCapacities:
    """Sums over all lags from ``first_lag`` to infinity.

    Attributes
    ----------
    values, low, high : (d,) capacity for each input, and the ends of its interval.
    joint, joint_low, joint_high : the joint capacity; from lag 0 on it is ``rank``.
    rank : dimension of the space that the inputs reach.
    first_lag : the first lag of the sums.
    error : what the intervals are.
    """

    values: Float[np.ndarray, "d"]
    low: Float[np.ndarray, "d"]
    high: Float[np.ndarray, "d"]
    joint: float
    joint_low: float
    joint_high: float
    rank: int
    first_lag: int
    error: str


@cites("linmem", "memory of several inputs")
def multivariate_curves(A: ArrayLike, C: ArrayLike, max_lag: int, covariance: ArrayLike | None = None) -> InputCurves:
    """Memory of each input, and of all together, at the lags 0 .. max_lag (formulas: see the module).

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius below 1.
    C : (N, d) input weights, one column for each input; (N,) is one input.
    max_lag : largest lag.
    covariance : (d, d) covariance of the inputs at one time; None: uncorrelated, of unit variance. It may be singular.

    Returns
    -------
    InputCurves. What the inputs reach is decided by :func:`linmem.capacity.linear.reachable_part`, whose margin says
    how clearly; the intervals do not cover a wrong decision.

    Raises
    ------
    ValueError : for a system that :func:`linmem.capacity.linear.check_system` refuses, or a covariance that is not
        symmetric, not positive semidefinite or holds an input of variance 0.

    Cost: O(N^3) in N steps of vector operations, then O(N d^2 max_lag); all of it twice, for the error: about a second
    for N = 300, d = 3 and 500 lags. Errors against 480-digit arithmetic, N up to 60, d up to 4: below 2e-14 for normal,
    orthogonal and symmetric A, radius up to 1 - 1e-6; up to 2e-8, and inside the interval, for dense nilpotent A of 16
    states, whose eigenvalues rounding moves far.

    >>> A = np.diag([0.9, 0.8, 0.5])
    >>> curves = multivariate_curves(A, np.eye(3), 1)  # three networks of one state each
    >>> curves.values.round(4).tolist(), curves.rank
    ([[0.19, 0.1539], [0.36, 0.2304], [0.75, 0.1875]], 3)
    """
    system, mask = check_system(A, C, inputs="many")
    lags = check_integer("max_lag", max_lag, minimum=0)
    L = _root(covariance, mask.shape[1])

    def both(form: NormalForm, root: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "rows lags"]:
        sums = form.responses(lags, np.hstack([root.T, np.eye(root.shape[1])]))
        d = len(root)
        return np.vstack([sums[:, :d].T / (root**2).sum(axis=1)[:, None], sums[:, d:].sum(axis=1)])

    values, error, rank = _twice(system, mask, L, both)
    d = mask.shape[1]
    limits = np.r_[np.ones(d), min(d, rank)][:, None]
    low, high = np.maximum(values - error, 0.0), np.minimum(values + error, limits)
    return InputCurves(
        values[:d], low[:d], high[:d], values[d], low[d], high[d], states=len(system), rank=rank, error=_ERROR
    )


@cites("linmem", "memory of several inputs")
@cites("jaeger2001", "capacity N of a network with one input, as commonly quoted; here for several")
def multivariate_capacity(
    A: ArrayLike, C: ArrayLike, first_lag: int = 1, covariance: ArrayLike | None = None
) -> InputCapacities:
    """Capacity for each input, and for all together, summed over the lags first_lag, first_lag + 1, .. to infinity.

    With the observability Gramian X = sum_j (A~^j)^H A~^j of the input-normal form, the sum of M_tau over the lags from
    f on is (A~^f B~)^H X A~^f B~. Arguments, errors and cost as for :func:`multivariate_curves`, and the doubling
    for X: O(N^3 log(1 / (1 - radius))).

    >>> found = multivariate_capacity(0.9 * np.eye(4, k=-1), np.eye(4)[:, [0, 2]], first_lag=0)
    >>> found.values.round(4).tolist(), found.joint  # a delay line that a second input enters in the middle
    ([2.7923, 1.2077], 4.0)
    """
    system, mask = check_system(A, C, inputs="many")
    first = check_integer("first_lag", first_lag, minimum=0)
    L = _root(covariance, mask.shape[1])

    def both(form: NormalForm, root: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "rows"]:
        normal, B = form.matrices()
        X = geometric_sum(np.conj(normal).T, np.eye(len(normal)))
        late = np.linalg.matrix_power(normal, first) @ B
        total = np.real(np.conj(late).T @ X @ late)
        return np.r_[np.einsum("ij,jk,ik->i", root, total, root) / (root**2).sum(axis=1), np.trace(total)]

    values, error, rank = _twice(system, mask, L, both)
    low, high = np.maximum(values - error, 0.0), np.minimum(values + error, float(rank))
    if first == 0:
        values[-1] = low[-1] = high[-1] = rank
    return InputCapacities(
        values[:-1], low[:-1], high[:-1], *(float(end[-1]) for end in (values, low, high)),
        rank=rank, first_lag=first, error=_ERROR,
    )  # fmt: skip


def _twice(
    A: Float[np.ndarray, "N N"],
    C: Float[np.ndarray, "N d"],
    L: Float[np.ndarray, "d d"],
    compute: Callable[[NormalForm, Float[np.ndarray, "d d"]], np.ndarray],
) -> tuple[np.ndarray, float, int]:
    """Values, their estimated error and the reachable dimension: once as given and once in reflected coordinates."""
    part = reachable_part(A, C @ L)
    values = compute(input_normal_form(part.A, part.C), L)
    again = compute(input_normal_form(*reflected(part.A, part.C)), L)
    return values, 10 * float(np.abs(values - again).max()) + 4 * part.dimension * _EPS, part.dimension


def _root(covariance: ArrayLike | None, d: int) -> Float[np.ndarray, "d d"]:
    """A square root L of the covariance, Sigma = L L^T; refuses what is no covariance."""
    if covariance is None:
        return np.eye(d)
    Sigma = check_array("covariance", covariance, shape=(d, d))
    scale = float(np.abs(Sigma).max())
    if not np.abs(Sigma - Sigma.T).max() <= 8 * _EPS * scale:
        raise ValueError(
            "covariance must be symmetric, got entries that differ from their mirror image by "
            f"{np.abs(Sigma - Sigma.T).max():.3g}; pass (S + S.T) / 2"
        )
    if np.diag(Sigma).min() <= 0:
        raise ValueError(
            f"covariance must have positive variances on its diagonal, got {np.diag(Sigma).min():.3g}; "
            "leave out inputs that do not vary"
        )
    w, V = np.linalg.eigh((Sigma + Sigma.T) / 2)
    if w[0] < -8 * d * _EPS * scale:
        raise ValueError(
            f"covariance must be positive semidefinite, got an eigenvalue {w[0]:.3g}; "
            "pass an estimate of the form X.T @ X / n"
        )
    return V * np.sqrt(np.maximum(w, 0.0))
