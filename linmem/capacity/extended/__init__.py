"""Exact memory beyond scalar white input: correlated input, several inputs, noise."""

from __future__ import annotations

from linmem.capacity.extended.multivariate import (
    InputCapacities,
    InputCurves,
    multivariate_capacity,
    multivariate_curves,
)
from linmem.capacity.extended.noisy import capacity_against_snr, noisy_capacity, noisy_curve
from linmem.capacity.extended.normal_form import NormalForm, input_normal_form
from linmem.capacity.extended.stationary import (
    StateSpaceInput,
    autocovariance_curve,
    stationary_capacity,
    stationary_curve,
)

__all__ = [
    "InputCapacities",
    "InputCurves",
    "NormalForm",
    "StateSpaceInput",
    "autocovariance_curve",
    "capacity_against_snr",
    "input_normal_form",
    "multivariate_capacity",
    "multivariate_curves",
    "noisy_capacity",
    "noisy_curve",
    "stationary_capacity",
    "stationary_curve",
]
