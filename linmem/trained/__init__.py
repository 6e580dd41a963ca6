"""Trained recurrent networks and the distance over which they remember (Illium et al. 2022).

:mod:`~linmem.trained.task` (what is to be recalled), :mod:`~linmem.trained.ensemble` (many networks at once, torch),
:mod:`~linmem.trained.training` (plain SGD), :mod:`~linmem.trained.distance` (what counts as memorised, and how far a
memory reaches), :mod:`~linmem.trained.stall` (where the training of a network that is too small stops). torch is
loaded with the first name that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from linmem.trained.distance import memory_distance, single_cell_floor, solved_fractions, solved_threshold
from linmem.trained.stall import predicted_stall_error
from linmem.trained.task import Batch, MemoryTask

if TYPE_CHECKING:
    from linmem.trained.ensemble import Ensemble, Gradient, NetworkWeights, default_weights, to_module
    from linmem.trained.training import (
        Network,
        NetworkSpec,
        Training,
        TrainingSettings,
        torch_threads,
        train,
        train_networks,
    )

__all__ = [
    "Batch",
    "Ensemble",
    "Gradient",
    "MemoryTask",
    "Network",
    "NetworkSpec",
    "NetworkWeights",
    "Training",
    "TrainingSettings",
    "default_weights",
    "memory_distance",
    "predicted_stall_error",
    "single_cell_floor",
    "solved_fractions",
    "solved_threshold",
    "to_module",
    "torch_threads",
    "train",
    "train_networks",
]

_TORCH = {
    "ensemble": ("Ensemble", "Gradient", "NetworkWeights", "default_weights", "to_module"),
    "training": (
        "Network",
        "NetworkSpec",
        "Training",
        "TrainingSettings",
        "torch_threads",
        "train",
        "train_networks",
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in _TORCH.items():
        if name in names:
            return getattr(importlib.import_module(f"linmem.trained.{module}"), name)
    raise AttributeError(f"module 'linmem.trained' has no attribute {name!r}")
