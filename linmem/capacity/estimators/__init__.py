"""The usual estimates of a memory curve: numerical algebra, orthonormal bases, sampling; their bias."""

from linmem.capacity.estimators.algebraic import algebraic_curve, krylov_matrix
from linmem.capacity.estimators.floor import plain_curve, sampling_bias, traces
from linmem.capacity.estimators.orthogonal import averaged_orthogonal_curve, orthogonal_curve
from linmem.capacity.estimators.sampling import SampledCurve, sampled_curve
from linmem.capacity.estimators.simulation import simulate_states, washout_length

__all__ = [
    "SampledCurve",
    "algebraic_curve",
    "averaged_orthogonal_curve",
    "krylov_matrix",
    "orthogonal_curve",
    "plain_curve",
    "sampled_curve",
    "sampling_bias",
    "simulate_states",
    "traces",
    "washout_length",
]
