"""The LASSO along a sequence of penalties, each solution started from the one before.

From ``lam_max = max_i |A^T b|_i / w_i`` on the solution is zero; below, it is a continuous piecewise linear function of
lam, so that for a small step of lam the solution before is close to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import NormalOperator, SequenceOperator
from linmem.discrete.recovery.lasso import lasso, resolve_weights
from linmem.discrete.recovery.result import Recovery
from linmem.discrete.recovery.target import resolve_normal, resolve_state, resolve_target

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class LassoPath:
    """LASSO solutions for a decreasing sequence of penalties.

    Attributes
    ----------
    lams : (P,) penalties, largest first.
    recoveries : the P results, each with its gap.
    """

    lams: Float[np.ndarray, "P"]
    recoveries: tuple[Recovery, ...]

    @property
    def coefficients(self) -> Float[np.ndarray, "P N L"]:
        """Coefficients of all results."""
        return np.stack([recovery.coefficients for recovery in self.recoveries])

    @property
    def converged(self) -> bool:
        """Whether every result reached the tolerance."""
        return all(recovery.converged for recovery in self.recoveries)

    def to_frame(self) -> pd.DataFrame:
        """One row for each penalty: lam, objective, gap, iterations, support size, l1 norm, converged, seconds."""
        import pandas as pd

        return pd.DataFrame(
            {
                "lam": self.lams,
                "objective": [recovery.objective for recovery in self.recoveries],
                "gap": [recovery.gap for recovery in self.recoveries],
                "iterations": [recovery.iterations for recovery in self.recoveries],
                "support_size": [recovery.support_size for recovery in self.recoveries],
                "l1_norm": [float(np.abs(recovery.coefficients).sum()) for recovery in self.recoveries],
                "converged": [recovery.converged for recovery in self.recoveries],
                "solve_seconds": [recovery.solve_seconds for recovery in self.recoveries],
            }
        )


def largest_penalty(
    operator: SequenceOperator, b: Float[np.ndarray, "M"], w: Float[np.ndarray, "N L"] | None = None
) -> float:
    """``max_i |A^T b|_i / w_i``: the LASSO solution is zero if and only if lam is at least this."""
    correlations = np.abs(operator.rmatvec(b))
    return float((correlations if w is None else correlations / w.ravel()).max())


def _grid(lams: ArrayLike | None, n_lams: int, ratio: float, largest: float) -> Float[np.ndarray, "P"]:
    if lams is not None:
        found = np.sort(check_array("lams", lams, ndim=1))[::-1]
        if found.size == 0 or found[-1] <= 0.0:
            raise ValueError(f"lams must hold positive penalties, got {lams!r}; leave out those <= 0")
        return found
    if largest == 0.0:
        raise ValueError("lams must be given with a state of zeros (there is no largest penalty), got None; pass lams")
    return largest * np.geomspace(1.0, ratio, n_lams)


@cites("efron2004", "piecewise linear path")
@cites("friedman2010", "warm starts")
def lasso_path(
    target: RandomNetwork | SequenceOperator,
    state: ArrayLike,
    N: int | None = None,
    basis: BasisLike = None,
    *,
    lams: ArrayLike | None = None,
    n_lams: int = 30,
    ratio: float = 1e-3,
    weights: ArrayLike | None = None,
    normal: NormalOperator | None = None,
    tol: float = 1e-6,
    max_iter: int = 50_000,
) -> LassoPath:
    """LASSO solutions for falling penalties: ``min_C 1/2 ||x[N] - A(Psi C)||^2 + lam ||C||_1`` for each lam.

    Parameters
    ----------
    target, state, N, basis, weights, normal : as for :func:`linmem.discrete.lasso`.
    lams : penalties > 0, solved in descending order. Default: ``n_lams`` of them in geometric progression from
        ``lam_max = max |A^T x[N]| / weights`` (where the solution is zero) to ``ratio * lam_max``.
    n_lams : number of penalties of the default, >= 2.
    ratio : last over first penalty of the default, in (0, 1).
    tol : largest accepted relative duality gap of each solution, > 0.
    max_iter : cap on the number of iterations for each penalty.

    Raises
    ------
    ValueError : if a penalty is not positive, the state is zero and no lams are given, or as for ``lasso``.

    Warns
    -----
    NotConvergedWarning : for each penalty at which the cap is reached first.

    Cost: the operator is built once; each penalty costs one warm-started LASSO.

    >>> from linmem.discrete import RandomNetwork, sparse_signal
    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> signal = sparse_signal(N=20, L=5, K=4, rng=1)
    >>> path = lasso_path(network, network.simulate(signal.sequence), N=20, n_lams=5)
    >>> [recovery.support_size for recovery in path.recoveries][:1], path.coefficients.shape, path.converged
    ([0], (5, 20, 5), True)
    """
    operator, _ = resolve_target(target, N, basis)
    b = resolve_state(operator, state)
    w = resolve_weights(weights, (operator.N, operator.L))
    check_integer("n_lams", n_lams, minimum=2)
    if not check_positive("ratio", ratio) < 1.0:
        raise ValueError(f"ratio must be < 1 (last over first penalty), got {ratio!r}; pass e.g. 1e-3")
    grid = _grid(lams, n_lams, ratio, largest_penalty(operator, b, w))
    normal, _ = resolve_normal(operator, normal)
    found: list[Recovery] = []
    for lam in grid:
        start = found[-1].coefficients if found and found[-1].support_size else None
        found.append(
            lasso(operator, b, lam=float(lam), weights=w, start=start, normal=normal, tol=tol, max_iter=max_iter)
        )
    return LassoPath(grid, tuple(found))
