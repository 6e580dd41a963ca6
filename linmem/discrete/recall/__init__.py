"""Infinite input: how many steps to recall from the state of a network whose memory fades (spectral radius q < 1)."""

from linmem.discrete.recall.conditional import (
    ConditionalError,
    conditional_error,
    conditional_errors,
    linear_recall_error,
    omitted_covariance,
)
from linmem.discrete.recall.evolution import SparseRecall, lasso_recall, optimal_lasso_recall, recall_penalty
from linmem.discrete.recall.formula import (
    RecallOptimum,
    closed_form_length,
    omission_variance,
    optimal_recall,
    recall_error,
    single_step_error,
)
from linmem.discrete.recall.simulation import RecallTrial, recall_trial

__all__ = [
    "ConditionalError",
    "RecallOptimum",
    "RecallTrial",
    "SparseRecall",
    "closed_form_length",
    "conditional_error",
    "conditional_errors",
    "lasso_recall",
    "linear_recall_error",
    "omission_variance",
    "omitted_covariance",
    "optimal_lasso_recall",
    "optimal_recall",
    "recall_error",
    "recall_penalty",
    "recall_trial",
    "single_step_error",
]
