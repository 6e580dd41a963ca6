"""Any network as a state map: its linearisation, and what theory says about its memory.

:mod:`~linmem.analysis.model` (torch modules, reservoirs and systems as :class:`StateModel`),
:mod:`~linmem.analysis.files` (the same from files) and :mod:`~linmem.analysis.examples`,
:mod:`~linmem.analysis.linear` (A, B and c at a fixed point), :mod:`~linmem.analysis.recall` (the best recall of one lag
by n linear states; :mod:`~linmem.analysis.recall_bound` encloses it), :mod:`~linmem.analysis.decay` (exponential or
power law), :mod:`~linmem.analysis.delay_flow` (training of a linear network on a delay),
:mod:`~linmem.analysis.structured` (sparse and low-rank inputs from one state), :mod:`~linmem.analysis.distance` (how
far back the states reach). The report of all of it is :func:`linmem.report.memory_report`. torch is loaded when a torch
module or a file of weights is passed.
"""

from __future__ import annotations

from linmem.analysis.decay import DecayVerdict, decay_verdict
from linmem.analysis.delay_flow import DelayFlow, SolveSteps, delay_flow, predicted_solve_steps
from linmem.analysis.distance import StateDistance, state_distance
from linmem.analysis.error_law import AbsoluteError, mean_absolute_error
from linmem.analysis.examples import EXAMPLES, example, legendre_system
from linmem.analysis.files import load_model
from linmem.analysis.linear import Linearisation, linearise
from linmem.analysis.model import StateModel, state_model
from linmem.analysis.recall import (
    BestRecall,
    LeastErrorFilter,
    best_recall,
    least_error_filter,
    recall_table,
)
from linmem.analysis.recall_bound import RecallEnclosure, certified_best_recall, recall_upper_bound
from linmem.analysis.structured import StructuredRecall, structured_recall

__all__ = [
    "EXAMPLES",
    "AbsoluteError",
    "BestRecall",
    "DecayVerdict",
    "DelayFlow",
    "LeastErrorFilter",
    "Linearisation",
    "RecallEnclosure",
    "SolveSteps",
    "StateDistance",
    "StateModel",
    "StructuredRecall",
    "best_recall",
    "certified_best_recall",
    "decay_verdict",
    "delay_flow",
    "example",
    "least_error_filter",
    "legendre_system",
    "linearise",
    "load_model",
    "mean_absolute_error",
    "predicted_solve_steps",
    "recall_table",
    "recall_upper_bound",
    "state_distance",
    "state_model",
    "structured_recall",
]
