"""The oracle: least squares by one who knows where the non-zeros are. No estimate of a sparse input can be expected to
do better, so its error is the noise floor against which recovery is judged.

With J the support and A_J its columns the estimate is ``a_J = (A_J^T A_J)^{-1} A_J^T x[N]``, and noise of variance
sigma^2 in each state entry gives it the expected squared error ``sigma^2 trace (A_J^T A_J)^{-1}``; for a Gaussian map
with N(0, 1/M) entries the mean of that is ``sigma^2 M K / (M - K - 1)``.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_nonnegative
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import SequenceOperator
from linmem.discrete.recovery.target import resolve_state, resolve_target


def _support_columns(operator: SequenceOperator, support: ArrayLike) -> Float[np.ndarray, "M K"]:
    A_J = operator.columns(support)
    if A_J.shape[1] > A_J.shape[0]:
        raise ValueError(
            f"support must have at most M = {A_J.shape[0]} entries, got {A_J.shape[1]}; use a larger network"
        )
    return A_J


def oracle(
    target: RandomNetwork | SequenceOperator,
    state: ArrayLike,
    support: ArrayLike,
    N: int | None = None,
    basis: BasisLike = None,
) -> Float[np.ndarray, "N L"]:
    """Sequence that least squares gives when the support is known: ``min ||x[N] - A_J a_J||``.

    Parameters
    ----------
    target, state, N, basis : as for :func:`linmem.discrete.lasso`.
    support : (K,) positions of the non-zeros in ``C.ravel()``, K <= M.

    Raises
    ------
    ValueError : if K > M, or a position is out of range.

    Cost: one least-squares problem of size M x K.

    >>> from linmem.discrete import RandomNetwork, sparse_signal
    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> signal = sparse_signal(N=20, L=5, K=4, rng=1)
    >>> estimate = oracle(network, network.simulate(signal.sequence), signal.support, N=20)
    >>> bool(np.allclose(estimate, signal.sequence, atol=1e-12))
    True
    """
    operator, _ = resolve_target(target, N, basis)
    b = resolve_state(operator, state)
    a = np.zeros(operator.shape[1])
    a[np.asarray(support, dtype=np.intp)] = np.linalg.lstsq(_support_columns(operator, support), b)[0]
    return operator.sequence(a)


def oracle_error(
    target: RandomNetwork | SequenceOperator,
    support: ArrayLike,
    noise: float,
    N: int | None = None,
    basis: BasisLike = None,
) -> float:
    """Expected squared error of :func:`oracle` over the noise: ``sigma^2 trace (A_J^T A_J)^{-1}``.

    Parameters
    ----------
    target, N, basis : as for :func:`linmem.discrete.lasso`.
    support : (K,) positions of the non-zeros in ``C.ravel()``, K <= M.
    noise : standard deviation sigma of each state entry, >= 0.

    Raises
    ------
    ValueError : if K > M, a position is out of range, or the noise is negative.

    Cost: the singular values of an M x K matrix.

    >>> from linmem.discrete import RandomNetwork
    >>> network = RandomNetwork(M=1000, L=1, seed=0)
    >>> round(oracle_error(network, [0], noise=1.0, N=1), 1)  # one column of length about 1
    1.0
    """
    operator, _ = resolve_target(target, N, basis)
    singular = np.linalg.svd(_support_columns(operator, support), compute_uv=False)
    return check_nonnegative("noise", noise) ** 2 * float((singular**-2.0).sum())
