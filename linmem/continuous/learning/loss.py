"""The training loss of a diagonal linear network in closed form, for any target kernel.

With rhohat(t) = sum_k a_k e^{-w_k t}, w_k > 0, the expected squared output error under white-noise input is

    J(a, w) = int_0^inf (rhohat - rho)^2 dt = sum_ij a_i a_j/(w_i + w_j) - 2 sum_i a_i P(w_i) + ||rho||^2,

where P is the Laplace transform of the target. With R(u) = sum_j a_j/(u + w_j) - P(u), the transform of the error,

    dJ/da_k = 2 R(w_k),    dJ/dw_k = 2 a_k R'(w_k),
    J_{a_k a_l} = 2/(w_k + w_l),    J_{a_k w_l} = -2 a_l/(w_k + w_l)^2 + 2 delta_kl R'(w_k),
    J_{w_k w_l} = 4 a_k a_l/(w_k + w_l)^3 + 2 delta_kl a_k R''(w_k).

The number n of neurons is m in Li et al. Parameters are ordered (a_1..a_n, w_1..w_n). Cost O(n^2) and n transforms.
Near an exact fit these formulas cancel: use linmem.continuous.dynamics.deviation there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array
from linmem.citations import cites
from linmem.kernels import Kernel


def check_network(amplitudes: ArrayLike, rates: ArrayLike) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Amplitudes and rates of a diagonal network as arrays; ValueError for unequal lengths or a rate <= 0."""
    a = check_array("amplitudes", amplitudes, ndim=1)
    w = check_array("rates", rates, ndim=1)
    if a.size != w.size or not a.size:
        raise ValueError(
            f"amplitudes and rates must have the same length >= 1, got {a.size} and {w.size}; give one per neuron"
        )
    if w.min() <= 0:
        raise ValueError(f"rates must be > 0 (a stable network), got {w.min()!r}; pass decay rates in 1/time")
    return a, w


@cites("li2021", "Section 4")
def loss(amplitudes: ArrayLike, rates: ArrayLike, kernel: Kernel) -> float:
    """J(a, w) = ||rhohat - rho||^2.

    Parameters
    ----------
    amplitudes, rates : shape (n,), the a_k and the w_k > 0.
    kernel : the target rho.

    Absolute error a few eps * (||rhohat||^2 + ||rho||^2). ValueError for unequal lengths or a rate <= 0.

    >>> from linmem.kernels import ExponentialSum
    >>> round(loss([1.0], [2.0], ExponentialSum([1.0], [1.0])), 12)
    0.083333333333
    """
    a, w = check_network(amplitudes, rates)
    gram = 1 / (w[:, None] + w)
    return float(a @ gram @ a - 2 * (a @ kernel.laplace(w)) + kernel.l2_norm() ** 2)


@cites("li2021", "Section 4")
def loss_gradient(amplitudes: ArrayLike, rates: ArrayLike, kernel: Kernel) -> Float[np.ndarray, "p"]:
    """(dJ/da, dJ/dw), shape (2n,); arguments and errors as in `loss`.

    >>> from linmem.kernels import ExponentialSum
    >>> loss_gradient([1.0], [2.0], ExponentialSum([1.0], [1.0])).round(6).tolist()
    [-0.166667, 0.097222]
    """
    a, w = check_network(amplitudes, rates)
    sums = w[:, None] + w
    value = (a / sums).sum(1) - kernel.laplace(w)
    slope = -(a / sums**2).sum(1) - kernel.laplace(w, derivative=1)
    return np.concatenate([2 * value, 2 * a * slope])


@cites("linmem", "closed-form Hessian of the loss")
def loss_hessian(amplitudes: ArrayLike, rates: ArrayLike, kernel: Kernel) -> Float[np.ndarray, "p p"]:
    """Second derivatives of J in (a, w), shape (2n, 2n), symmetric; arguments and errors as in `loss`.

    >>> from linmem.kernels import ExponentialSum
    >>> loss_hessian([1.0], [1.0], ExponentialSum([1.0], [1.0])).round(6).tolist()
    [[1.0, -0.5], [-0.5, 0.5]]
    """
    a, w = check_network(amplitudes, rates)
    sums = w[:, None] + w
    slope = -(a / sums**2).sum(1) - kernel.laplace(w, derivative=1)
    curvature = (2 * a / sums**3).sum(1) - kernel.laplace(w, derivative=2)
    mixed = -2 * a / sums**2 + np.diag(2 * slope)
    return np.block([[2 / sums, mixed], [mixed.T, 4 * np.outer(a, a) / sums**3 + np.diag(2 * a * curvature)]])
