"""The sine: a memory that never fades, the counterexample to integrability."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

import numpy as np
from flint import arb
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from linmem.checks import check_finite, check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball
from linmem.kernels.algebra import KernelAlgebra
from linmem.kernels.protocol import check_points, check_times


@cites("wang2024", "numerical examples")
@dataclass(frozen=True)
class Sine(KernelAlgebra):
    """rho(t) = A sin(b t): neither integrable nor square integrable, so no bounded functional and no finite norm.

    Parameters
    ----------
    frequency : b > 0, in radians per time unit.
    amplitude : A, any sign.

    P(u) = A b/(u^2 + b^2) for Re u > 0. Norms and quadrature panels, of the sine and of any sum that contains it, are
    refused with ValueError.

    >>> float(Sine(2.0).laplace(1.0))
    0.4
    >>> Sine().l1_norm()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: kernel must be integrable, got Sine(frequency=1.0, amplitude=1.0), ...
    """

    frequency: float = 1.0
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        check_positive("frequency", self.frequency)
        check_finite("amplitude", self.amplitude)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """A sin(b t)."""
        return np.asarray(self.amplitude * np.sin(self.frequency * check_times(t)))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """A b/(u^2 + b^2) and its derivatives -2 A b u/(..)^2, A b (6 u^2 - 2 b^2)/(..)^3, for Re u > 0."""
        points = check_points(u, derivative, 0.0)
        b = float(self.frequency)
        below = points * points + b * b
        if derivative == 0:
            return np.asarray(self.amplitude * b / below)
        upper = -2 * points if derivative == 1 else 6 * points * points - 2 * b * b
        return np.asarray(self.amplitude * b * upper / below ** (derivative + 1))

    def l1_norm(self) -> float:
        """Refused: int |sin| dt diverges."""
        self._refuse("integrable")

    def l2_norm(self) -> float:
        """Refused: int sin^2 dt diverges."""
        self._refuse("square integrable")

    def knots(self) -> Float[np.ndarray, "K"]:
        """Refused: no finite set of panels holds the kernel up to rounding."""
        self._refuse("integrable")

    def enclose(self, t: Lag) -> Lag:
        """A sin(b t) in ball arithmetic."""
        return ball(self.amplitude) * (ball(self.frequency) * t).sin()

    def tail(self, start: arb) -> arb:  # noqa: ARG002
        """Refused: the integral diverges."""
        self._refuse("integrable")

    def tail_square(self, start: arb) -> arb:  # noqa: ARG002
        """Refused: the integral diverges."""
        self._refuse("square integrable")

    def breaks(self) -> tuple[Fraction, ...]:
        """None: the kernel is analytic."""
        return ()

    def _refuse(self, rule: str) -> NoReturn:
        raise ValueError(
            f"kernel must be {rule}, got {self!r}, which never decays; let it decay, e.g. "
            "ComplexExponentialSum([-1j], [0.01 - 1j]) for e^{-0.01 t} sin t, or cut it off with a Window"
        )
