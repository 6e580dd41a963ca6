"""The protocol every memory kernel obeys, and the checks all of them share.

A kernel is a function rho(t) of the lag t >= 0; its Laplace transform is

    P(u) = int_0^inf e^{-u t} rho(t) dt,    P'(u) = -int t e^{-u t} rho dt,    P''(u) = int t^2 e^{-u t} rho dt.

For complex u it is the transfer function of the functional; real u gives a real array, complex u a complex one.
The loss of a diagonal linear network and its derivatives (linmem.continuous.learning) need nothing else of it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Inexact
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

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P(u), P'(u) or P''(u) for derivative = 0, 1, 2, elementwise in u, real or complex."""
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


def check_points(u: ArrayLike, derivative: int, lowest: float, strict: bool = True) -> Inexact[np.ndarray, "..."]:
    """The points u as float64 or complex128 array, where the Laplace integral converges.

    That is Re u > lowest, or Re u >= lowest if not strict. Raises ValueError for a derivative other than 0, 1, 2 and
    for points outside the domain.
    """
    check_integer("derivative", derivative, minimum=0, maximum=2)
    points: Inexact[np.ndarray, "..."]
    if np.iscomplexobj(u):
        given = np.asarray(u)
        real = check_array("u", np.real(given))
        points = np.asarray(real + 1j * check_array("u", np.imag(given)))
    else:
        points = real = check_array("u", u)
    if real.size and (real.min() < lowest or (strict and real.min() == lowest)):
        sign, name = ">" if strict else ">=", "Re u" if np.iscomplexobj(points) else "u"
        raise ValueError(
            f"{name} must be {sign} {lowest:g}, where the Laplace integral of this kernel converges, "
            f"got {real.min()!r}; pass points with {name} {sign} {lowest:g}"
        )
    return points
