"""Recovery of an input sequence from one state, every result with its certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linmem.discrete.recovery.batch import lasso_batch
from linmem.discrete.recovery.denoising import basis_pursuit_denoising
from linmem.discrete.recovery.lasso import lasso
from linmem.discrete.recovery.least_squares import least_squares
from linmem.discrete.recovery.nuclear import nuclear
from linmem.discrete.recovery.nuclear_oracle import low_rank_oracle_error
from linmem.discrete.recovery.nuclear_trial import LowRankTrial, low_rank_trial
from linmem.discrete.recovery.oracle import oracle, oracle_error
from linmem.discrete.recovery.path import LassoPath, lasso_path
from linmem.discrete.recovery.penalty import default_nuclear_penalty, default_penalty
from linmem.discrete.recovery.result import NotConvergedWarning, Recovery, relative_error
from linmem.discrete.recovery.row import RecoveryTrial, low_rank_row, sparse_row
from linmem.discrete.recovery.trial import SparseTrial, sparse_trial

if TYPE_CHECKING:
    from linmem.discrete.recovery.estimator import CertifiedLasso as CertifiedLasso
    from linmem.discrete.recovery.estimator import SequenceLasso as SequenceLasso

__all__ = [
    "CertifiedLasso",
    "LassoPath",
    "LowRankTrial",
    "NotConvergedWarning",
    "Recovery",
    "RecoveryTrial",
    "SequenceLasso",
    "SparseTrial",
    "basis_pursuit_denoising",
    "default_nuclear_penalty",
    "default_penalty",
    "lasso",
    "lasso_batch",
    "lasso_path",
    "least_squares",
    "low_rank_oracle_error",
    "low_rank_row",
    "low_rank_trial",
    "nuclear",
    "oracle",
    "oracle_error",
    "relative_error",
    "sparse_row",
    "sparse_trial",
]


def __getattr__(name: str) -> object:
    """The estimators, loaded on first use: scikit-learn takes a second to import."""
    if name in ("CertifiedLasso", "SequenceLasso"):
        from linmem.discrete.recovery import estimator

        return getattr(estimator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
