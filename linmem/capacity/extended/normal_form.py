r"""Input-normal form: coordinates in which the state driven by white input has the identity as covariance.

For x_t = A x_{t-1} + B z_t with G = sum_j A^j B B^T (A^j)^T = U U^H (U upper triangular in the coordinates of a complex
Schur form), the pair (U^{-1} A U, U^{-1} B) has orthonormal rows [A~, B~]. It is built one eigenvalue l_k and one unit
row b_k at a time, as a chain of all-pass factors

    P_k(z) = I + b_k^H b_k ((conj(l_k) - z) / (1 - l_k z) - 1),

so that neither G nor its inverse is ever formed: e_k(z) = sqrt(1 - |l_k|^2) b_k P_{k+1}(z) .. P_n(z) / (1 - l_k z) are
orthonormal rows that span those of (I - z A)^{-1} B. With one input every b_k is a number of modulus one, which drops
out: everything follows from the eigenvalues. This is the cascade of Takenaka and Malmquist; with several inputs the
factors are those of Blaschke and Potapov, and the recursion for U is Hammarling's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from scipy import linalg
from scipy.signal import lfilter

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class NormalForm:
    """The chain of all-pass factors of a reachable pair (A, B).

    Attributes
    ----------
    eigenvalues : (n,) l_1 .. l_n; the factor of the last one is applied to the input first.
    directions : (n, d) unit rows b_1 .. b_n.
    """

    eigenvalues: Complex[np.ndarray, "n"]
    directions: Complex[np.ndarray, "n d"]

    def matrices(self) -> tuple[Complex[np.ndarray, "n n"], Complex[np.ndarray, "n d"]]:
        """(A~, B~): A~ is upper triangular, and A~ A~^H + B~ B~^H = I. Cost O(n^2 d)."""
        n, d = self.directions.shape
        A, B = np.zeros((n, n), dtype=complex), np.zeros((n, d), dtype=complex)
        rest = np.zeros((d, n + d), dtype=complex)
        rest[:, n:] = np.eye(d)
        for k in range(n - 1, -1, -1):
            row, rest = _extend(rest, k, self.eigenvalues[k], self.directions[k])
            A[k], B[k] = row[:n], row[n:]
        return A, B

    def responses(self, max_lag: int, mixing: Float[np.ndarray, "d p"]) -> Float[np.ndarray, "lags p"]:
        """Squared norms of the columns of A~^tau B~ ``mixing`` for tau = 0 .. max_lag: sums of squares, no differences.

        Cost O(n max_lag d p), one recursive filter for each eigenvalue.
        """
        d = mixing.shape[0]
        u = np.zeros((max_lag + 1, d, d), dtype=complex)
        u[0] = np.eye(d)
        total = np.zeros((max_lag + 1, mixing.shape[1]))
        for k in range(len(self.eigenvalues) - 1, -1, -1):
            l, b = self.eigenvalues[k], self.directions[k]
            gain = (1 - abs(l)) * (1 + abs(l))
            f = np.tensordot(u, b, axes=([1], [0]))
            y = lfilter([1.0], [1.0, -l], f, axis=0)
            total += gain * np.abs(y @ mixing) ** 2
            change = (np.conj(l) - 1) * f  # (conj(l) - z) y without its cancellation for l near the circle
            change[1:] -= gain * y[:-1]
            u += np.conj(b)[None, :, None] * change[:, None, :]
        return total


def _extend(
    rest: Complex[np.ndarray, "d m"], k: int, l: complex, b: Complex[np.ndarray, "d"]
) -> tuple[Complex[np.ndarray, "m"], Complex[np.ndarray, "d m"]]:
    """Row k of [A~, B~], and the new completion of the rows to a unitary matrix, from the old completion."""
    s = np.sqrt((1 - abs(l)) * (1 + abs(l)))
    along = b @ rest
    row = s * along
    row[k] = l
    new = rest - (1 - np.conj(l)) * np.outer(np.conj(b), along)
    new[:, k] = -s * np.conj(b)
    return row, new


def input_normal_form(A: Float[np.ndarray, "n n"], B: Float[np.ndarray, "n d"]) -> NormalForm:
    """The chain of a stable and reachable pair. Cost O(n^3 + n^2 d^2), for one input that of the Schur form alone.

    Raises
    ------
    ValueError : if rounding moves an eigenvalue of the stable A onto or over the unit circle (very non-normal A).

    >>> form = input_normal_form(np.array([[0.5]]), np.array([[3.0]]))
    >>> [round(float(abs(entry[0, 0])) ** 2, 12) for entry in form.matrices()]  # 1/4 of the variance is old, 3/4 new
    [0.25, 0.75]
    """
    n, d = B.shape
    T, Q = linalg.schur(A, output="complex")
    eigenvalues = np.diag(T).astype(complex)
    radius = float(np.abs(eigenvalues).max())
    if radius >= 1:
        raise ValueError(
            f"the eigenvalues of A must come out below 1 in double precision, got {radius:.6g}: A is stable, but so "
            "non-normal that rounding moves them over the unit circle; scale A down, or use exact arithmetic"
        )
    directions = np.ones((n, 1), dtype=complex)
    if d > 1:
        directions = _directions(T, np.conj(Q).T @ B)
    return NormalForm(eigenvalues, directions)


def reflected(
    A: Float[np.ndarray, "N N"], B: Float[np.ndarray, "N d"]
) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N d"]]:
    """(H A H, H B) for a fixed Householder reflection H: the same network in other coordinates.

    Memory does not change, rounding errors do: the difference between the two results shows how large they are.
    """
    v = np.cos(np.arange(len(A), dtype=float))
    v /= np.linalg.norm(v)
    left = A - 2 * np.outer(v, v @ A)
    return left - 2 * np.outer(left @ v, v), B - 2 * np.outer(v, v @ B)


def geometric_sum(
    P: Complex[np.ndarray, "n n"] | Float[np.ndarray, "n n"], Q: Complex[np.ndarray, "n n"] | Float[np.ndarray, "n n"]
) -> Complex[np.ndarray, "n n"] | Float[np.ndarray, "n n"]:
    """sum_k P^k Q (P^k)^H for a stable P, by doubling (Smith). Cost O(n^3 log(1 / (1 - radius)))."""
    total, power = Q, P
    for _ in range(64):
        if float(np.linalg.norm(power)) < _EPS**2:
            break
        total, power = total + power @ total @ np.conj(power).T, power @ power
    return total


def _directions(T: Complex[np.ndarray, "n n"], B: Complex[np.ndarray, "n d"]) -> Complex[np.ndarray, "n d"]:
    """Unit rows b_k of the pair (T, B), T upper triangular, from the last row of U to the first."""
    n, d = B.shape
    found = np.zeros((n, d), dtype=complex)
    U, normal = np.zeros((n, n), dtype=complex), np.zeros((n, n + d), dtype=complex)
    rest = np.zeros((d, n + d), dtype=complex)
    rest[:, n:] = np.eye(d)
    for k in range(n - 1, -1, -1):
        l, tail = complex(T[k, k]), slice(k + 1, n)
        pull = T[k, tail] @ U[tail, tail]
        u = pull @ np.conj(normal[tail, tail]).T + B[k] @ np.conj(normal[tail, n:]).T
        if k < n - 1:
            system = -l * np.conj(normal[tail, tail])
            system[np.diag_indices(n - 1 - k)] += 1
            u = linalg.solve_triangular(system, u, check_finite=False)
        g = (l * u + pull) @ np.conj(rest[:, tail]).T + B[k] @ np.conj(rest[:, n:]).T
        size = float(np.linalg.norm(g))
        found[k] = g / size if size > 0 else np.eye(d)[0]
        U[k, k], U[k, tail] = size / np.sqrt((1 - abs(l)) * (1 + abs(l))), u
        normal[k], rest = _extend(rest, k, l, found[k])
    return found
