"""What a recovery returns: the estimated sequence with its optimality certificate."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array


class NotConvergedWarning(RuntimeWarning):
    """A solver stopped at its iteration cap; ``gap`` is the relative duality gap that it reached."""

    def __init__(self, message: str, gap: float) -> None:
        super().__init__(message)
        self.gap = gap


@dataclass(frozen=True, eq=False)
class Recovery:
    """An estimated input sequence with its optimality certificate.

    Attributes
    ----------
    estimate : (N, L) estimated sequence, oldest step first.
    coefficients : (N, L) coefficients C of ``estimate = Psi C``.
    objective : value of the objective at the coefficients.
    gap : relative duality gap: the objective exceeds its minimum by at most ``gap * objective``.
    iterations : number of first-order steps, each one product with A^T A.
    support_size : number of non-zero coefficients.
    penalty : the lam that was used.
    converged : whether ``gap <= tol``.
    build_seconds, solve_seconds : wall time of building the operators (0 if they were passed) and of the solution.
    rank : rank of the estimate where the solver fixes it (nuclear norm), else None.
    """

    estimate: Float[np.ndarray, "N L"]
    coefficients: Float[np.ndarray, "N L"]
    objective: float
    gap: float
    iterations: int
    support_size: int
    penalty: float
    converged: bool
    build_seconds: float
    solve_seconds: float
    rank: int | None = None


def warn_not_converged(name: str, iterations: int, gap: float, tol: float) -> None:
    """Warn the caller of the public function ``name`` (two frames up) that its gap exceeds the tolerance."""
    warnings.warn(
        NotConvergedWarning(
            f"{name} stopped after {iterations} iterations at relative duality gap {gap:.3g} > tol = {tol:.3g}; "
            "raise max_iter or tol",
            gap,
        ),
        stacklevel=3,
    )


def relative_error(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Relative mean squared error ``rMSE = ||S_hat - S||_F^2 / ||S||_F^2``.

    Raises
    ------
    ValueError : if the shapes differ or the truth is zero.

    >>> relative_error([[1.0, 0.0]], [[2.0, 0.0]])
    0.25
    """
    S = check_array("truth", truth)
    error = check_array("estimate", estimate, shape=S.shape) - S
    size = float((S * S).sum())
    if size == 0.0:
        raise ValueError(
            "truth must not be zero (the relative error divides by it), got zeros; pass a non-zero sequence"
        )
    return float((error * error).sum()) / size
