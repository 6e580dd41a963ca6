"""The H-infinity norm of a stable linear system by the level-set method."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

TOLERANCE = 1e-6
ROUNDS = 60


def peak_gain(A: Float[np.ndarray, "n n"], B: Float[np.ndarray, "n d"], C: Float[np.ndarray, "p n"]) -> float:
    """sup over real v of the largest singular value of G(iv) = C (iv - A)^{-1} B, for Hurwitz A.

    The gain g is a singular value of some G(iv) if and only if iv is an eigenvalue of

        [[A, B B^T/g], [-C^T C/g, -A^T]].

    From a first guess, the midpoints between the crossings of the level g raise it until there is none: quadratic
    convergence, O(n^3) a round (Boyd, Balakrishnan 1990; Bruinsma, Steinbuch 1990). The value returned is a gain
    that some frequency attains, within a relative 1e-6 of the supremum (in floating point, not certified).

    >>> round(peak_gain(np.array([[-2.0]]), np.array([[1.0]]), np.array([[3.0]])), 12)
    1.5
    """
    n = len(A)
    identity = np.eye(n)

    def gain(v: float) -> float:
        return float(np.linalg.norm(C @ np.linalg.solve(1j * v * identity - A, B.astype(complex)), 2))

    values = np.linalg.eigvals(A)
    best = max(gain(float(v)) for v in (0.0, *np.abs(values.imag), *np.abs(values)))
    if best == 0.0:
        return 0.0
    for _ in range(ROUNDS):
        level = best * (1 + TOLERANCE)
        found = np.linalg.eigvals(np.block([[A, B @ B.T / level], [-C.T @ C / level, -A.T]]))
        crossings = np.sort(np.abs(found[np.abs(found.real) <= 1e-8 * np.abs(found).max()].imag))
        if not crossings.size:
            break
        middles = (crossings[1:] + crossings[:-1]) / 2
        raised = max(gain(float(v)) for v in (*middles, *crossings))
        if raised <= level:
            break
        best = raised
    return best
