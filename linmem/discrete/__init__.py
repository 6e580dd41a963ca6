"""Random linear networks in discrete time: how much structured input one state holds (Charles et al. 2014-2018)."""

from linmem.discrete.bounds import (
    LassoPrediction,
    lasso_prediction,
    sparsity_limit,
    statistical_dimension,
    subdifferential_distance,
)
from linmem.discrete.model import (
    RandomNetwork,
    SparseSignal,
    TemporalBasis,
    haar_frequencies,
    relative_noise,
    sparse_signal,
    temporal_basis,
)
from linmem.discrete.operators import DenseOperator, GemmOperator, SequenceOperator, sequence_operator
from linmem.discrete.recovery import (
    NotConvergedWarning,
    Recovery,
    SparseTrial,
    default_penalty,
    lasso,
    oracle,
    oracle_error,
    relative_error,
    sparse_trial,
)

__all__ = [
    "DenseOperator",
    "GemmOperator",
    "LassoPrediction",
    "NotConvergedWarning",
    "RandomNetwork",
    "Recovery",
    "SequenceOperator",
    "SparseSignal",
    "SparseTrial",
    "TemporalBasis",
    "default_penalty",
    "haar_frequencies",
    "lasso",
    "lasso_prediction",
    "oracle",
    "oracle_error",
    "relative_error",
    "relative_noise",
    "sequence_operator",
    "sparse_signal",
    "sparse_trial",
    "sparsity_limit",
    "statistical_dimension",
    "subdifferential_distance",
    "temporal_basis",
]
