"""The LASSO for many states of one network: what depends on the network alone is made once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import NormalOperator, SequenceOperator
from linmem.discrete.recovery.lasso import lasso
from linmem.discrete.recovery.result import Recovery
from linmem.discrete.recovery.target import resolve_normal, resolve_target


def _for_each(name: str, value: ArrayLike | None, count: int) -> list[float | None]:
    """A number for each state, from one for all or one for each; None stays None."""
    if value is None:
        return [None] * count
    numbers = check_array(name, value)
    if numbers.shape not in ((), (count,)):
        raise ValueError(
            f"{name} must be one number or one for each of the {count} states, got shape {numbers.shape}; reshape it"
        )
    spread: Float[np.ndarray, "B"] = np.broadcast_to(numbers, (count,))
    return [float(number) for number in spread]


def lasso_batch(
    target: RandomNetwork | SequenceOperator,
    states: ArrayLike,
    N: int | None = None,
    basis: BasisLike = None,
    *,
    lam: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    normal: NormalOperator | None = None,
    tol: float = 1e-6,
    max_iter: int = 50_000,
) -> list[Recovery]:
    """One LASSO for each state of a network: ``min_C 1/2 ||states[i] - A(Psi C)||^2 + lam[i] ||C||_1``.

    The operator and its normal operator are made once; each result is the one that
    :func:`linmem.discrete.lasso` gives for that state alone.

    Parameters
    ----------
    target, N, basis, weights, normal, tol, max_iter : as for :func:`linmem.discrete.lasso`.
    states : (B, M) observed states, one a row.
    lam, noise : as for ``lasso``, one number for all states or (B,) numbers. Exactly one of the two must be given.

    Returns
    -------
    B results in the order of the states. The time of building is shared out equally among their ``build_seconds``.

    Raises
    ------
    ValueError : as for ``lasso``; a wrong state is named by its row.

    Warns
    -----
    NotConvergedWarning : for each state at which the cap is reached first.

    Cost: one build, then one LASSO for each state.

    >>> from linmem.discrete import RandomNetwork, sparse_signal
    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> states = [network.simulate(sparse_signal(N=20, L=5, K=4, rng=trial).sequence) for trial in range(3)]
    >>> [recovery.support_size for recovery in lasso_batch(network, states, N=20, lam=1e-2)]
    [4, 4, 4]
    """
    operator, build_seconds = resolve_target(target, N, basis)
    normal, seconds = resolve_normal(operator, normal)
    rows = check_array("states", states, shape=(None, operator.network.M))
    lams, noises = _for_each("lam", lam, len(rows)), _for_each("noise", noise, len(rows))
    found = [
        lasso(operator, b, lam=penalty, noise=sigma, weights=weights, normal=normal, tol=tol, max_iter=max_iter)
        for b, penalty, sigma in zip(rows, lams, noises, strict=True)
    ]
    return [replace(recovery, build_seconds=(build_seconds + seconds) / len(rows)) for recovery in found]
