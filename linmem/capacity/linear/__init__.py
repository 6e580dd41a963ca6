"""Exact memory of linear networks: spectrum, curve, covariance, enclosure; controllability; optimal networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linmem.capacity.linear.cascade import allpass_coefficients, allpass_curve, exact_capacity, exact_curve
from linmem.capacity.linear.covariance import state_covariance
from linmem.capacity.linear.krylov import kalman_rank, krylov_residuals
from linmem.capacity.linear.optimal import optimal_linear_recall
from linmem.capacity.linear.reachable import ReachablePart, controllable_eigenvalues, reachable_part
from linmem.capacity.linear.spectrum import (
    Spectrum,
    check_stable,
    check_system,
    eigenvalues,
    input_mask,
    square_matrix,
)

if TYPE_CHECKING:
    from linmem.capacity.linear.enclosure import enclosed_allpass as enclosed_allpass
    from linmem.capacity.linear.enclosure import enclosed_balls as enclosed_balls
    from linmem.capacity.linear.enclosure import enclosed_curve as enclosed_curve

__all__ = [
    "ReachablePart",
    "Spectrum",
    "allpass_coefficients",
    "allpass_curve",
    "check_stable",
    "check_system",
    "controllable_eigenvalues",
    "eigenvalues",
    "enclosed_allpass",
    "enclosed_balls",
    "enclosed_curve",
    "exact_capacity",
    "exact_curve",
    "input_mask",
    "kalman_rank",
    "krylov_residuals",
    "optimal_linear_recall",
    "reachable_part",
    "square_matrix",
    "state_covariance",
]


def __getattr__(name: str) -> object:
    """Names that need python-flint are looked up on first use."""
    if name in {"enclosed_allpass", "enclosed_balls", "enclosed_curve"}:
        from linmem.capacity.linear import enclosure

        return getattr(enclosure, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
