"""The protocol every memory kernel obeys, and the checks all of them share.

A kernel is a function rho(t) of the lag t >= 0; its Laplace transform is

    P(u) = int_0^inf e^{-u t} rho(t) dt,    P'(u) = -int t e^{-u t} rho dt,    P''(u) = int t^2 e^{-u t} rho dt.

The loss of a diagonal linear network and its derivatives (linmem.continuous.learning) need nothing else of it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer


@runtime_checkable
class Kernel(Protocol):
    """A memory kernel rho: [0, inf) -> R, integrable and square integrable.

    `knots` lists panel edges 0 = t_0 < ... < t_K such that 16-node Gauss-Legendre on every panel integrates the kernel
    and its square to rounding, and what lies beyond t_K is below rounding; kinks and zeros of the kernel belong to it.
    Only norms of sums of unlike kernels use it.
    """

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """rho(t) for lags t >= 0, elementwise."""
        ...

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Float[np.ndarray, "..."]:
        """P(u), P'(u) or P''(u) for derivative = 0, 1, 2, elementwise in the real u."""
        ...

    def l1_norm(self) -> float:
        """int |rho| dt: the norm of the functional with this kernel on bounded inputs."""
        ...

    def l2_norm(self) -> float:
        """(int rho^2 dt)^{1/2}: the norm that the training loss with white-noise input sees."""
        ...

    def knots(self) -> Float[np.ndarray, "K"]:
        """Panel edges of a composite quadrature, ascending from 0."""
        ...


def check_times(t: ArrayLike) -> Float[np.ndarray, "..."]:
    """The lags as float64 array; ValueError when one is negative or not finite."""
    times = check_array("t", t)
    if times.size and times.min() < 0:
        raise ValueError(f"t must be >= 0 (a kernel is a function of the lag), got {times.min()!r}; pass lags t >= 0")
    return times


def check_points(u: ArrayLike, derivative: int, lowest: float, strict: bool = True) -> Float[np.ndarray, "..."]:
    """The points u as float64 array, where the Laplace integral converges (u > lowest, or >= if not strict).

    Raises ValueError for a derivative other than 0, 1, 2 and for points outside the domain.
    """
    check_integer("derivative", derivative, minimum=0, maximum=2)
    points = check_array("u", u)
    if points.size and (points.min() < lowest or (strict and points.min() == lowest)):
        sign = ">" if strict else ">="
        raise ValueError(
            f"u must be {sign} {lowest:g}, where the Laplace integral of this kernel converges, got {points.min()!r}; "
            f"pass points u {sign} {lowest:g}"
        )
    return points
