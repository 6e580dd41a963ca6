"""Trained recurrent networks and the distance over which they remember (Illium et al. 2022).

:mod:`~linmem.trained.task` (what is to be recalled), :mod:`~linmem.trained.architecture` and
:mod:`~linmem.trained.weights` (tanh, lstm and gru stacks), :mod:`~linmem.trained.training` (train many at once; engines
in :mod:`~linmem.trained.engines`), :mod:`~linmem.trained.modules` (from and to torch), :mod:`~linmem.trained.distance`
(what counts as memorised), :mod:`~linmem.trained.recall`, :mod:`~linmem.trained.capacity` and
:mod:`~linmem.trained.plateau` (how far one network remembers, what its states hold, when training got there),
:mod:`~linmem.trained.single` (any torch module), :mod:`~linmem.trained.stall` (where the training of a network that is
too small stops), :mod:`~linmem.trained.linear_stack` (linear stacks in exact arithmetic),
:mod:`~linmem.trained.collision` and :mod:`~linmem.trained.worst_case` (certified limits of one network). torch is
loaded with the first name that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from linmem.trained.architecture import Architecture
from linmem.trained.capacity import state_capacity
from linmem.trained.distance import single_cell_floor, solved_distance, solved_fractions, solved_threshold
from linmem.trained.plateau import PlateauStatistics, first_below, plateau_statistics
from linmem.trained.recall import MemoryDistance, memory_distance
from linmem.trained.result import Training
from linmem.trained.spec import Network, NetworkSpec, TrainingSettings
from linmem.trained.stall import predicted_stall_error
from linmem.trained.states import collect_states
from linmem.trained.task import Batch, MemoryTask
from linmem.trained.training import train, train_networks
from linmem.trained.weights import LayerWeights, NetworkWeights, initial_weights

if TYPE_CHECKING:
    from linmem.trained.collision import Collision, antipodal_collision, antipodal_pair
    from linmem.trained.ensemble import Ensemble, Gradient
    from linmem.trained.linear_stack import LinearStack, generic_stack, random_stack, shift_stack
    from linmem.trained.modules import DelayedStack, from_module, to_module
    from linmem.trained.single import ModuleTraining, train_module
    from linmem.trained.torch_engine import torch_threads
    from linmem.trained.worst_case import WorstCase, worst_case_error

__all__ = [
    "Architecture",
    "Batch",
    "Collision",
    "DelayedStack",
    "Ensemble",
    "Gradient",
    "LayerWeights",
    "LinearStack",
    "MemoryDistance",
    "MemoryTask",
    "ModuleTraining",
    "Network",
    "NetworkSpec",
    "NetworkWeights",
    "PlateauStatistics",
    "Training",
    "TrainingSettings",
    "WorstCase",
    "antipodal_collision",
    "antipodal_pair",
    "collect_states",
    "first_below",
    "from_module",
    "generic_stack",
    "initial_weights",
    "memory_distance",
    "plateau_statistics",
    "predicted_stall_error",
    "random_stack",
    "shift_stack",
    "single_cell_floor",
    "solved_distance",
    "solved_fractions",
    "solved_threshold",
    "state_capacity",
    "to_module",
    "torch_threads",
    "train",
    "train_module",
    "train_networks",
    "worst_case_error",
]

_LAZY = {  # torch or python-flint behind them
    "collision": ("Collision", "antipodal_collision", "antipodal_pair"),
    "ensemble": ("Ensemble", "Gradient"),
    "single": ("ModuleTraining", "train_module"),
    "linear_stack": ("LinearStack", "generic_stack", "random_stack", "shift_stack"),
    "modules": ("DelayedStack", "from_module", "to_module"),
    "torch_engine": ("torch_threads",),
    "worst_case": ("WorstCase", "worst_case_error"),
}


def __getattr__(name: str) -> Any:
    for module, names in _LAZY.items():
        if name in names:
            return getattr(importlib.import_module(f"linmem.trained.{module}"), name)
    raise AttributeError(f"module 'linmem.trained' has no attribute {name!r}")
