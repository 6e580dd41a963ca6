"""Random linear networks in discrete time: how much structured input one state holds (Charles et al. 2014-2018)."""

from linmem.discrete.bounds import (
    LassoPrediction,
    lasso_prediction,
    sparsity_limit,
    statistical_dimension,
    subdifferential_distance,
)
from linmem.discrete.network import RandomNetwork, haar_frequencies
from linmem.discrete.operators import DenseOperator, GemmOperator, SequenceOperator, sequence_operator
from linmem.discrete.oracle import oracle, oracle_error
from linmem.discrete.recovery import NotConvergedWarning, Recovery, default_penalty, lasso, relative_error
from linmem.discrete.signals import SparseSignal, relative_noise, sparse_signal
from linmem.discrete.trial import SparseTrial, sparse_trial

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
]
