"""The map from an input sequence to the final state, in several representations with one interface."""

from linmem.discrete.operators.base import SequenceOperator
from linmem.discrete.operators.choice import sequence_operator
from linmem.discrete.operators.dense import DenseOperator
from linmem.discrete.operators.gemm import GemmOperator

__all__ = ["DenseOperator", "GemmOperator", "SequenceOperator", "sequence_operator"]
