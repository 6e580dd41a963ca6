"""The largest change of a general linear network's kernel under perturbations of W, U and c, bounded from above.

If |e^{Wt}|_2 <= K e^{-alpha t}, and |W~ - W|_2, |U~ - U|_2, |c~ - c|_2 <= beta with alpha' = alpha - K beta > 0, then
(variation of constants) |e^{W~ t}| <= K e^{-alpha' t} and |e^{W~ t} - e^{Wt}| <= K (e^{-alpha' t} - e^{-alpha t}), so
that

    ||change||_1 <= sqrt(d) K [(|c| + beta)(|U| + beta)/alpha' - |c| |U|/alpha]    (summed over the d inputs).

A pair (K, alpha) is proved by a symmetric positive P with W^T P + P W <= -2 alpha P: then K = (max P/min P)^{1/2}, in
eigenvalues of P. Candidates for P are found in floating point; what is reported rests on Cholesky factorisations in
ball arithmetic, which succeed only if the matrices are positive definite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from flint import arb, arb_mat
from jaxtyping import Float

from linmem.checks import check_nonnegative
from linmem.citations import cites
from linmem.continuous.network import LinearRNN
from linmem.intervals import ball, bounds, precision

BITS = 128
SHARES = (0.5, 0.8, 0.95)  # of the stability margin, tried as alpha


@dataclass(frozen=True)
class DecayBound:
    """A proved |e^{Wt}|_2 <= factor * e^{-rate t}, factor >= 1, rate > 0."""

    factor: float
    rate: float


@cites("linmem", "decay bound by a Lyapunov function")
def decay_bounds(network: LinearRNN) -> tuple[DecayBound, ...]:
    """Certified pairs (K, alpha), from the Euclidean norm and from Lyapunov functions; some trade K against alpha.

    network : n states, n up to about 100. Cost O(n^3) ball operations a candidate: 0.1 s for n = 32.

    >>> network = LinearRNN.diagonal([1.0, 1.0], [1.0, 0.5])
    >>> best = decay_bounds(network)[0]
    >>> best.factor, round(best.rate, 6)
    (1.0, 0.5)
    """
    W = np.asarray(network.W)
    n = len(W)
    margin = -float(np.linalg.eigvals(W).real.max())
    found: list[DecayBound] = []
    symmetric = -float(np.linalg.eigvalsh((W + W.T) / 2)[-1])
    if symmetric > 0:
        found.append(_certify(W, np.eye(n), symmetric))
    for share in SHARES if symmetric < 0.95 * margin else ():
        shifted = W + share * margin * np.eye(n)
        P = scipy.linalg.solve_continuous_lyapunov(shifted.T, -np.eye(n))
        found.append(_certify(W, (P + P.T) / 2, share * margin))
    proved = [bound for bound in found if bound.rate > 0]
    if not proved:
        raise ArithmeticError(
            f"no decay bound could be proved for a network with stability margin {margin:.3g}: it is too close to "
            "instability for the working precision"
        )
    return tuple(proved)


@cites("wang2024", "perturbation error")
def change_bound(network: LinearRNN, radius: float) -> float:
    """Certified upper bound on the L1 change of the kernel when W, U, c move by at most `radius` in the spectral norm.

    network : any stable (W, U, c). radius : beta >= 0. inf when no proved decay survives the perturbation.
    ValueError for a negative radius. Cost: that of `decay_bounds`.

    >>> change_bound(LinearRNN.diagonal([1.0], [1.0]), 0.1) >= 1.1**2 / 0.9 - 1
    True
    """
    beta = check_nonnegative("radius", radius)
    if beta == 0:
        return 0.0
    best = math.inf
    with precision(BITS):
        b = ball(beta)
        read_in, read_out = _frobenius(np.asarray(network.U)), _frobenius(np.asarray(network.c))
        for bound in decay_bounds(network):
            K, alpha = ball(bound.factor), ball(bound.rate)
            left = alpha - K * b
            if left > 0:
                worst = (read_out + b) * (read_in + b) / left - read_out * read_in / alpha
                best = min(best, bounds(ball(np.asarray(network.U).shape[1]).sqrt() * K * worst)[1])
    return best


def _certify(W: Float[np.ndarray, "n n"], P: Float[np.ndarray, "n n"], rate: float) -> DecayBound:
    """The pair (K, alpha) that P proves; alpha is lowered until the proof goes through, and 0 if it does not."""
    values = np.linalg.eigvalsh(P)
    if values[0] <= 0:
        return DecayBound(math.inf, 0.0)
    with precision(BITS):
        matrix, weight = _balls(W), _balls(P)
        rounding = 1e-12 * float(values[-1])
        low, high = float(values[0]) - rounding, float(values[-1]) + rounding
        if low <= 0 or not (_positive(_shifted(weight, -low)) and _positive(_shifted(-weight, high))):
            return DecayBound(math.inf, 0.0)
        factor = bounds((ball(high) / ball(low)).sqrt())[1] if high != low else 1.0
        product = weight * matrix
        energy = product + product.transpose()
        for slack in (1e-12, 1e-9, 1e-6, 1e-3):
            alpha = rate * (1 - slack)
            if _positive(-energy - 2 * ball(alpha) * weight):
                return DecayBound(1.0 if np.array_equal(P, np.eye(len(P))) else factor, alpha)
    return DecayBound(math.inf, 0.0)


def _balls(matrix: Float[np.ndarray, "n n"]) -> arb_mat:
    return arb_mat([[ball(float(x)) for x in row] for row in matrix])


def _shifted(matrix: arb_mat, shift: float) -> arb_mat:
    n = matrix.nrows()
    return matrix + arb_mat([[ball(shift) if i == j else arb(0) for j in range(n)] for i in range(n)])


def _positive(matrix: arb_mat) -> bool:
    """Whether every matrix in the ball is certainly positive definite: all pivots of the LDL^T elimination are > 0."""
    n = matrix.nrows()
    rows = [[matrix[i, j] for j in range(n)] for i in range(n)]
    for k in range(n):
        pivot = rows[k][k]
        if not pivot > 0:
            return False
        for i in range(k + 1, n):
            share = rows[k][i] / pivot  # symmetric: the upper triangle is enough
            for j in range(i, n):
                rows[i][j] -= share * rows[k][j]
    return True


def _frobenius(array: Float[np.ndarray, "..."]) -> arb:
    """(sum of squares)^{1/2} >= the spectral norm, equal to it for a vector."""
    return sum((ball(float(x)) ** 2 for x in array.ravel()), arb(0)).sqrt()
