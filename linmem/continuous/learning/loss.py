"""The training loss of a diagonal linear network in closed form, for any target kernel.

With rhohat(t) = sum_k a_k e^{-w_k t}, w_k > 0, the expected squared output error under white-noise input is

    J(a, w) = int_0^inf (rhohat - rho)^2 dt = sum_ij a_i a_j/(w_i + w_j) - 2 sum_i a_i P(w_i) + ||rho||^2,

where P is the Laplace transform of the target. With R(u) = sum_j a_j/(u + w_j) - P(u), the transform of the error,

    dJ/da_k = 2 R(w_k),    dJ/dw_k = 2 a_k R'(w_k),
    J_{a_k a_l} = 2/(w_k + w_l),    J_{a_k w_l} = -2 a_l/(w_k + w_l)^2 + 2 delta_kl R'(w_k),
    J_{w_k w_l} = 4 a_k a_l/(w_k + w_l)^3 + 2 delta_kl a_k R''(w_k).

The number n of neurons is m in Li et al. Parameters are ordered (a_1..a_n, w_1..w_n). Cost O(n^2) and n transforms.
`loss_derivatives` gives all three at once, for many networks in one call; the others are for single quantities.
Near an exact fit these formulas cancel: use linmem.continuous.dynamics.deviation there.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array
from linmem.citations import cites
from linmem.kernels import Kernel
from linmem.kernels.algebra import transforms

BLOCK = 256  # networks at a time: the work arrays stay near the cores


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
    return float(a @ (_gram(w) @ a) - 2 * (a @ kernel.laplace(w)) + square_norm(kernel))


@cites("li2021", "Section 4")
def loss_gradient(amplitudes: ArrayLike, rates: ArrayLike, kernel: Kernel) -> Float[np.ndarray, "p"]:
    """(dJ/da, dJ/dw), shape (2n,); arguments and errors as in `loss`.

    >>> from linmem.kernels import ExponentialSum
    >>> loss_gradient([1.0], [2.0], ExponentialSum([1.0], [1.0])).round(6).tolist()
    [-0.166667, 0.097222]
    """
    a, w = check_network(amplitudes, rates)
    gram = _gram(w)
    value, slope = gram @ a - kernel.laplace(w), -(gram * gram) @ a - kernel.laplace(w, derivative=1)
    return np.concatenate([2 * value, 2 * a * slope])


@cites("linmem", "closed-form Hessian of the loss")
def loss_hessian(amplitudes: ArrayLike, rates: ArrayLike, kernel: Kernel) -> Float[np.ndarray, "p p"]:
    """Second derivatives of J in (a, w), shape (2n, 2n), symmetric; arguments and errors as in `loss`.

    >>> from linmem.kernels import ExponentialSum
    >>> loss_hessian([1.0], [1.0], ExponentialSum([1.0], [1.0])).round(6).tolist()
    [[1.0, -0.5], [-0.5, 0.5]]
    """
    return loss_derivatives(*check_network(amplitudes, rates), kernel).hessian


@dataclass(frozen=True)
class LossDerivatives:
    """J, its gradient and its Hessian in (a_1..a_n, w_1..w_n), for one network or for many.

    Attributes
    ----------
    loss : shape (...), gradient : shape (..., 2n), hessian : shape (..., 2n, 2n).
    """

    loss: Float[np.ndarray, "..."]
    gradient: Float[np.ndarray, "... p"]
    hessian: Float[np.ndarray, "... p p"]


@cites("linmem", "closed-form Hessian of the loss")
def loss_derivatives(amplitudes: ArrayLike, rates: ArrayLike, kernel: Kernel) -> LossDerivatives:
    """J, (dJ/da, dJ/dw) and the Hessian together, for a batch of networks.

    Parameters
    ----------
    amplitudes, rates : shape (..., n), the same; rates > 0. Leading axes count networks.
    kernel : the target rho, the same for all.

    Accuracy and errors as in `loss`. Cost O(n^2) and 3 n transforms a network, with common terms shared; n = 16 and an
    exponential or a Gaussian target: about 60 microseconds alone, 4 a network in a batch of 1000.

    >>> from linmem.kernels import ExponentialSum
    >>> found = loss_derivatives([[1.0], [1.0]], [[2.0], [1.0]], ExponentialSum([1.0], [1.0]))
    >>> found.loss.round(6).tolist(), found.gradient.shape, found.hessian.shape
    ([0.083333, 0.0], (2, 2), (2, 2, 2))
    """
    a, w = check_array("amplitudes", amplitudes), check_array("rates", rates)
    if a.shape != w.shape or not a.ndim or not a.shape[-1]:
        raise ValueError(
            f"amplitudes and rates must have the same shape (..., n), n >= 1, got {a.shape} and {w.shape}; "
            "give one of each per neuron"
        )
    if a.size and w.min() <= 0:
        raise ValueError(f"rates must be > 0 (a stable network), got {w.min()!r}; pass decay rates in 1/time")
    batch, n = a.shape[:-1], a.shape[-1]
    a, w = a.reshape(-1, n), w.reshape(-1, n)
    value, gradient, hessian = np.empty(len(a)), np.empty((len(a), 2 * n)), np.empty((len(a), 2 * n, 2 * n))
    for start in range(0, len(a), BLOCK):
        part = slice(start, start + BLOCK)
        _fill(a[part], w[part], kernel, value[part], gradient[part], hessian[part])
    value += square_norm(kernel)
    return LossDerivatives(value.reshape(batch), gradient.reshape(*batch, 2 * n), hessian.reshape(*batch, 2 * n, 2 * n))


def square_norm(kernel: Kernel) -> float:
    """||rho||^2, kept for kernels that can be a key: an optimiser asks for it thousands of times."""
    return _kept_square_norm(kernel) if isinstance(cast(object, kernel), Hashable) else kernel.l2_norm() ** 2


@lru_cache(maxsize=64)
def _kept_square_norm(kernel: Kernel) -> float:
    return kernel.l2_norm() ** 2


def _gram(w: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n n"]:
    """<e^{-w_k t}, e^{-w_l t}> = 1/(w_k + w_l)."""
    return 1 / (w[:, None] + w)


def _fill(
    a: Float[np.ndarray, "b n"],
    w: Float[np.ndarray, "b n"],
    kernel: Kernel,
    value: Float[np.ndarray, "b"],
    gradient: Float[np.ndarray, "b p"],
    hessian: Float[np.ndarray, "b p p"],
) -> None:
    """Write J - ||rho||^2, gradient and Hessian of b networks into the last three arguments."""
    b, n = a.shape
    transform, slope, curvature = transforms(kernel, w)
    gram = w[:, :, None] + w[:, None, :]
    np.divide(1.0, gram, out=gram)
    first = gram * a[:, None, :]  # a_l/(w_k + w_l)
    second = first * gram  # a_l/(w_k + w_l)^2
    third = second * gram
    ones = np.ones(n)
    residual = first @ ones - transform
    slope = -2 * (second @ ones + slope)  # 2 R'
    curvature = 4 * (third @ ones) - 2 * curvature  # 2 R''
    value[:] = ((residual - transform) * a).sum(1)
    np.multiply(residual, 2, out=gradient[:, :n])
    np.multiply(a, slope, out=gradient[:, n:])
    second *= -2
    third *= 4 * a[:, :, None]
    np.multiply(gram, 2, out=hessian[:, :n, :n])
    hessian[:, :n, n:] = second
    hessian[:, n:, :n] = second.mT
    hessian[:, n:, n:] = third
    flat, size = hessian.reshape(b, -1), 2 * n
    flat[:, n : size * n : size + 1] += slope  # entries (a_k, w_k)
    flat[:, size * n :: size + 1] += slope  # entries (w_k, a_k)
    flat[:, size * n + n :: size + 1] += a * curvature
