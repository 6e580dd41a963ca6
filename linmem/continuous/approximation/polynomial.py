"""The polynomial construction behind the approximation rate: a network with the rates w, 2w, ..., mw.

Its kernel is rhohat = s q(s), s = e^{-wt}, q the polynomial of degree m-1 that interpolates rho/s at Chebyshev points.
The error it is proved to have is in linmem.continuous.approximation.rates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.approximation.kautz import KautzSum, jacobi_values, kautz_system
from linmem.continuous.network import LinearRNN

Function = Callable[[ArrayLike], ArrayLike]


@dataclass(frozen=True)
class PolynomialRNN:
    """A linear RNN with rates w, 2w, ..., mw shared by its d inputs.

    Attributes
    ----------
    kernels : the d kernels, one for every input.
    rate : w = beta/(alpha+1), in 1/time.
    """

    kernels: tuple[KautzSum, ...]
    rate: float

    @property
    def width(self) -> int:
        """m, the state size."""
        return self.kernels[0].state_size

    @cached_property
    def network(self) -> LinearRNN:
        """(W, U, c): W lower triangular with diagonal -mw, ..., -w, c_i = sqrt(2 w_i), |U_i| = ||rhohat_i||_2.

        In doubles this network realises `kernels` up to a few m eps; they are the exact object.
        """
        W, c = kautz_system(self.kernels[0].rates[::-1])
        return LinearRNN(W, np.array([kernel.coefficients[::-1] for kernel in self.kernels]).T, c)


@cites("li2021", "Theorem 3.2")
def polynomial_rnn(kernels: Function | Sequence[Function], beta: float, order: int, width: int) -> PolynomialRNN:
    """The width-m network whose kernels rhohat_i = s q_i(s), s = e^{-wt}, w = beta/(alpha+1), interpolate rho_i.

    q_i has degree m-1 and equals rho_i/s at the zeros of U_m on [0, 1], s_j = cos^2(j pi/(2m+2)): lags up to about
    2 log(m)/w. The amplitudes of e^{-wt}, ..., e^{-mwt} never appear: the linear system is solved in the orthonormal
    basis, where its condition number is below 3 for m <= 128. Rounding: about m eps times the largest |rho_i/s|.

    Parameters
    ----------
    kernels : rho, or a sequence of d of them; functions of an array of lags (every Kernel is one).
    beta : decay > 0, in 1/time. The bound asks for e^{beta t} rho^{(k)} -> 0, the construction does not.
    order : alpha >= 1, the smoothness that is used; it sets the rates only.
    width : m >= 1.

    Raises ValueError if a kernel is not finite at the interpolation points. Cost O(m^3 + d m^2).

    >>> from linmem.kernels import ExponentialSum
    >>> target = ExponentialSum([1.0], [1.3])
    >>> fit = polynomial_rnn(target, beta=1.0, order=1, width=8)
    >>> error = (target - fit.kernels[0]).l1_norm()
    >>> 5e-5 < error < 6e-5
    True
    """
    w = check_positive("beta", beta) / (check_integer("order", order, minimum=1) + 1)
    m = check_integer("width", width, minimum=1)
    targets = tuple(kernels) if isinstance(kernels, Sequence) else (kernels,)
    if not targets or not all(callable(target) for target in targets):
        raise TypeError(
            f"kernels must be a kernel or a sequence of kernels, got {kernels!r}; pass functions of the lag"
        )
    angle = np.pi * np.arange(1, m + 1) / (m + 1)
    lags = interpolation_lags(m, w)
    values = np.array([check_array("kernels at the interpolation points", target(lags)) for target in targets])
    # Rows weighted by the square root of a quadrature weight: the matrix is then close to an orthogonal one.
    weight = np.cos(angle / 2) * np.sqrt(np.pi * np.sin(angle) / (m + 1))
    basis = jacobi_values(2 * np.sin(angle / 2) ** 2, m) * np.sqrt(np.arange(1, m + 1))
    g = values * np.exp(w * lags) * weight / np.sqrt(2 * w)
    coefficients = np.linalg.solve(basis * weight[:, None], g.T).T
    return PolynomialRNN(tuple(KautzSum(u, w) for u in coefficients), w)


def interpolation_lags(width: int, rate: float) -> Float[np.ndarray, "m"]:
    """The lags -log(s_j)/w, s_j = cos^2(j pi/(2m+2)), j = 1..m, ascending: zeros of U_m(2s - 1).

    >>> interpolation_lags(2, 1.0).round(6).tolist()  # s = 3/4 and 1/4
    [0.287682, 1.386294]
    """
    m = check_integer("width", width, minimum=1)
    return -2 * np.log(np.cos(np.pi * np.arange(1, m + 1) / (2 * m + 2))) / check_positive("rate", rate)
