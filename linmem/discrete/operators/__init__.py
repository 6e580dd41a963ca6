"""The map from an input sequence to the final state, in several representations with one interface."""

from linmem.discrete.operators.base import SequenceOperator
from linmem.discrete.operators.choice import normal_operator, sequence_operator
from linmem.discrete.operators.dense import DenseOperator
from linmem.discrete.operators.gemm import GemmOperator
from linmem.discrete.operators.normal import NormalOperator
from linmem.discrete.operators.nufft import NufftOperator
from linmem.discrete.operators.toeplitz import ToeplitzNormal

__all__ = [
    "DenseOperator",
    "GemmOperator",
    "NormalOperator",
    "NufftOperator",
    "SequenceOperator",
    "ToeplitzNormal",
    "normal_operator",
    "sequence_operator",
]
