"""Error of recall from one given network, as an exact expectation over input and noise.

With u = q^n s on the recalled ages, A the unscaled map (columns ``R^n z_l``, n < N) and P = (A^T A)^{-1} A^T, least
squares errs by ``P (o + e)``: o is what the omitted inputs left in the state, a noise that is coloured because all ages
share Z and the angles. In the modes h, with ``v_h = e^{j w_h}``, its covariances are geometric series:

    E o_h conj(o_k) = s^2 (Z Z^H)_hk (q^2 v_h conj(v_k))^N / (1 - q^2 v_h conj(v_k)),
    E o_h o_k       = s^2 (Z Z^T)_hk (q^2 v_h v_k)^N / (1 - q^2 v_h v_k).

Nothing is sampled and nothing truncated. A is factored as it is (QR, not A^T A), and the powers of q multiply the
result: rounding is amplified by the condition of A, which does not contain q^{-N}.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, qr, solve_triangular

from linmem.checks import check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.recall.formula import check_decay, check_least_squares


def unscaled_columns(network: RandomNetwork, N: int) -> Float[np.ndarray, "M NL"]:
    """Columns ``R^n z_l`` of the map on ``u = q^n s``; column ``n L + l`` has age n, newest first."""
    angle = np.multiply.outer(network.frequencies, np.arange(N))
    modal = (np.exp(1j * angle)[:, :, None] * network.modes[:, None, :]).reshape(network.M // 2, N * network.L)
    return np.vstack([np.real(modal), np.imag(modal)])


def omitted_covariance(network: RandomNetwork, N: int, s: float = 1.0) -> Float[np.ndarray, "M M"]:
    """Covariance of what all inputs of age >= N leave in the state, ``s^2 sum_{n >= N} q^{2n} R^n Z Z^T R^{-n}``.

    Parameters
    ----------
    network : with q < 1.
    N : first age that counts, >= 0 (0: the covariance of the whole noiseless state).
    s : standard deviation of the inputs, >= 0.

    Cost: M^2 (L + 10) flops.

    >>> network = RandomNetwork(M=4, L=2, q=0.5, seed=0)
    >>> C = omitted_covariance(network, 0)
    >>> bool(np.allclose(C, network.W @ C @ network.W.T + network.Z @ network.Z.T, rtol=1e-13))
    True
    """
    check_integer("N", N, minimum=0)
    q, s = check_decay(network.q), check_nonnegative("s", s)
    v, z = np.exp(1j * network.frequencies), network.modes
    turned = np.exp(1j * N * network.frequencies)[:, None] * z  # R^N Z in the modes
    scale = s * s * q ** (2 * N)
    direct = scale * (turned @ turned.conj().T) / (1 - q * q * np.multiply.outer(v, v.conj()))
    mirror = scale * (turned @ turned.T) / (1 - q * q * np.multiply.outer(v, v))
    upper = np.hstack([np.real(direct + mirror), np.imag(mirror - direct)])
    lower = np.hstack([np.imag(direct + mirror), np.real(direct - mirror)])
    return 0.5 * np.vstack([upper, lower])


@dataclass(frozen=True, eq=False)
class ConditionalError:
    """Expected squared errors of recall from one network, relative to s^2.

    Attributes
    ----------
    omission : (N, L) part of each recalled input that is due to the inputs left out, oldest step first.
    recall : (N, L) part due to the noise in the state.
    """

    omission: Float[np.ndarray, "N L"]
    recall: Float[np.ndarray, "N L"]

    @property
    def per_input(self) -> Float[np.ndarray, "N L"]:
        """Both parts together."""
        return self.omission + self.recall

    @property
    def window(self) -> float:
        """Mean over the recalled window, what :func:`linmem.discrete.recall.recall_error` predicts."""
        return float(self.per_input.mean())


@cites("linmem", "exact conditional expectation of recall")
def conditional_errors(
    network: RandomNetwork, lengths: Sequence[int], sigma: float, s: float = 1.0
) -> list[ConditionalError]:
    """:func:`conditional_error` for several recall lengths; the map is factored once.

    Parameters
    ----------
    network, sigma, s : as for :func:`conditional_error`.
    lengths : recall lengths, each with N L < M - 1.

    Cost: one QR of M x NL for the largest N, then 2 M^2 NL flops for each length.

    >>> network = RandomNetwork(M=100, L=4, q=0.9, seed=0)
    >>> [round(found.window, 2) for found in conditional_errors(network, [1, 5, 20], sigma=0.1)]
    [0.23, 0.2, 3.53]
    """
    M, L = network.M, network.L
    q, sigma, s = check_decay(network.q), check_nonnegative("sigma", sigma), check_positive("s", s)
    steps = [check_least_squares(N, M, L) for N in lengths]
    if not steps:
        return []
    Q, R = qr(unscaled_columns(network, max(steps)), mode="economic")
    v = network.frequencies
    state = omitted_covariance(network, 0)
    H = M // 2
    found: list[ConditionalError] = []
    for N in steps:
        n = N * L
        P = solve_triangular(R[:n, :n], Q[:, :n].T)
        c, d = np.cos(N * v), np.sin(N * v)
        # o = q^N R^N (a state): turning P back by R^N is cheaper than turning the covariance.
        turned = np.hstack([P[:, :H] * c + P[:, H:] * d, P[:, H:] * c - P[:, :H] * d])
        omitted = q ** (2 * N) * np.einsum("ij,ij->i", turned @ state, turned)
        noise = (sigma / s) ** 2 * np.einsum("ij,ij->i", P, P)
        growth = q ** (-2.0 * np.arange(N))[:, None]
        parts = [(part.reshape(N, L) * growth)[::-1] for part in (omitted, noise)]
        found.append(ConditionalError(*parts))
    return found


def conditional_error(network: RandomNetwork, N: int, sigma: float, s: float = 1.0) -> ConditionalError:
    """Expected squared error of least squares on the last N steps, over inputs and noise, given the network.

    The inputs are uncorrelated with mean zero and variance s^2 (Gaussian or not) and go back for ever; the noise in
    the state is white.

    Parameters
    ----------
    network : with q < 1 and M > N L + 1 nodes.
    N : number of steps to recall.
    sigma : standard deviation of the noise in each state entry, >= 0.
    s : standard deviation of the inputs, > 0.

    Raises
    ------
    ValueError : if q = 1, N L >= M - 1, or a number is out of range.

    Cost: a QR of M x NL and 2 M^2 NL flops. Relative accuracy: about 2^-53 times the
    condition of the unscaled map.

    >>> network = RandomNetwork(M=100, L=4, q=0.9, seed=0)
    >>> error = conditional_error(network, 5, sigma=0.1)
    >>> error.per_input.shape, round(float(error.omission.mean()), 2), round(float(error.recall.mean()), 2)
    ((5, 4), 0.18, 0.02)
    """
    return conditional_errors(network, [N], sigma, s)[0]


@cites("linmem", "best linear recall")
def linear_recall_error(network: RandomNetwork, N: int, sigma: float, s: float = 1.0) -> Float[np.ndarray, "N L"]:
    """Smallest error that any *linear* estimate of the last N steps has, given the network; any N, also N L > M.

    The best one is ``s^2 A^T C^{-1} x``, C the covariance of the state; its error is ``1 - s^2 a^T C^{-1} a`` (relative
    to s^2) for the input with column a. The sum of ``s^2 a^T C^{-1} a`` over all inputs is at most M, so the mean error
    is at least ``1 - M/(N L)``: no linear recall goes beyond the state.

    Parameters
    ----------
    network, sigma, s : as for :func:`conditional_error`, but sigma > 0 (C must be invertible).
    N : number of steps, >= 1.

    Returns
    -------
    (N, L) errors in [0, 1], oldest step first.

    Cost: a Cholesky factor of M x M and M^2 NL flops.

    >>> network = RandomNetwork(M=40, L=4, q=0.9, seed=0)
    >>> bool(linear_recall_error(network, 20, sigma=0.01).mean() >= 0.5)
    True
    """
    check_integer("N", N, minimum=1)
    q, sigma, s = check_decay(network.q), check_positive("sigma", sigma), check_positive("s", s)
    C = omitted_covariance(network, 0) + (sigma / s) ** 2 * np.eye(network.M)
    A = unscaled_columns(network, N) * np.repeat(q ** np.arange(N), network.L)
    explained = np.einsum("ij,ij->j", A, cho_solve(cho_factor(C), A))
    return (1 - explained).reshape(N, network.L)[::-1]
