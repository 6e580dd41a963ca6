"""Recovery of an input sequence from one state, every result with its certificate."""

from linmem.discrete.recovery.lasso import lasso
from linmem.discrete.recovery.oracle import oracle, oracle_error
from linmem.discrete.recovery.penalty import default_penalty
from linmem.discrete.recovery.result import NotConvergedWarning, Recovery, relative_error
from linmem.discrete.recovery.trial import SparseTrial, sparse_trial

__all__ = [
    "NotConvergedWarning",
    "Recovery",
    "SparseTrial",
    "default_penalty",
    "lasso",
    "oracle",
    "oracle_error",
    "relative_error",
    "sparse_trial",
]
