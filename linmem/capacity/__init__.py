"""Memory capacity: exact curves of linear networks, the usual estimates with their errors, nonlinear networks.

:func:`memory_curve` and :func:`memory_capacity` are one interface to all methods for a linear network (A, C);
:func:`sampled_curve`, :func:`information_capacity` and :func:`nonlinear_memory` measure any network with a state.

Rooms: :mod:`~linmem.capacity.systems` (networks and inputs to measure), :mod:`~linmem.capacity.linear` (exact),
:mod:`~linmem.capacity.estimators` (the usual estimates), :mod:`~linmem.capacity.extended` (correlated input, several
inputs, noise), :mod:`~linmem.capacity.information` (functions of the input), :mod:`~linmem.capacity.models`
(reservoirs, torch modules, reservoirpy nodes).
"""

from __future__ import annotations

from linmem.capacity.estimators import SampledCurve, sampled_curve, simulate_states
from linmem.capacity.extended import (
    InputCapacities,
    InputCurves,
    autocovariance_curve,
    capacity_against_snr,
    multivariate_capacity,
    multivariate_curves,
    noisy_capacity,
    noisy_curve,
    stationary_capacity,
    stationary_curve,
)
from linmem.capacity.information import InformationCapacity, information_capacity, orthonormal_polynomials
from linmem.capacity.linear import (
    controllable_eigenvalues,
    exact_capacity,
    exact_curve,
    kalman_rank,
    krylov_residuals,
    optimal_linear_recall,
    state_covariance,
)
from linmem.capacity.memory import memory_capacity, memory_curve
from linmem.capacity.models import (
    NonlinearMemory,
    TanhReservoir,
    collect_states,
    contraction_bound,
    linear_system,
    nonlinear_memory,
)
from linmem.capacity.result import MemoryCapacity, MemoryCurve
from linmem.capacity.systems import StationaryInput, input_series, random_connectivity, random_mask

__all__ = [
    "InformationCapacity",
    "InputCapacities",
    "InputCurves",
    "MemoryCapacity",
    "MemoryCurve",
    "NonlinearMemory",
    "SampledCurve",
    "StationaryInput",
    "TanhReservoir",
    "autocovariance_curve",
    "capacity_against_snr",
    "collect_states",
    "contraction_bound",
    "controllable_eigenvalues",
    "exact_capacity",
    "exact_curve",
    "information_capacity",
    "input_series",
    "kalman_rank",
    "krylov_residuals",
    "linear_system",
    "memory_capacity",
    "memory_curve",
    "multivariate_capacity",
    "multivariate_curves",
    "noisy_capacity",
    "noisy_curve",
    "nonlinear_memory",
    "optimal_linear_recall",
    "orthonormal_polynomials",
    "random_connectivity",
    "random_mask",
    "sampled_curve",
    "simulate_states",
    "state_covariance",
    "stationary_capacity",
    "stationary_curve",
]
