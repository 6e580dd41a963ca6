"""What a training leaves: loss curves, errors on fresh sequences, weights, and which networks solved their task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from linmem.checks import check_integer
from linmem.trained.distance import solved_threshold
from linmem.trained.spec import Network, TrainingSettings
from linmem.trained.weights import NetworkWeights

if TYPE_CHECKING:
    from linmem.trained.modules import Recurrent

_LARGEST_WEIGHT = 100.0


@dataclass(frozen=True, eq=False)
class Training:
    """Trained networks with their evidence.

    Attributes
    ----------
    networks : specification and seed of each network; the network is the last axis of every array.
    settings : how they were trained.
    loss_steps : (record,) number of steps done at the end of each record.
    losses : (record, network) training loss averaged over the steps of each record; not finite where it was not.
    errors : (network,) mean absolute error on ``settings.evaluation_size`` fresh sequences; NaN if not finite.
    weights : the trained weights.
    engine : name of the engine that trained them.
    """

    networks: tuple[Network, ...]
    settings: TrainingSettings
    loss_steps: Int[np.ndarray, "record"]
    losses: Float[np.ndarray, "record network"]
    errors: Float[np.ndarray, "network"]
    weights: tuple[NetworkWeights, ...]
    engine: str

    @property
    def diverged(self) -> Bool[np.ndarray, "network"]:
        """A weight or the error is not finite, or a weight is beyond 100 in size.

        The cells are bounded, so that a rate far too large saturates them, and the gradient vanishes, long before
        anything overflows. Inputs are O(1) and so are the weights of every solution.
        """
        largest = np.array([weights.largest for weights in self.weights])
        return ~(np.isfinite(self.errors) & (largest <= _LARGEST_WEIGHT))

    @property
    def solved(self) -> Bool[np.ndarray, "network"]:
        """Error below :func:`linmem.trained.distance.solved_threshold` of network size and rate schedule."""
        schedule = self.settings.schedule
        limits = np.array([solved_threshold(network.spec.state_size, schedule) for network in self.networks])
        with np.errstate(invalid="ignore"):
            return self.errors < limits

    def module(self, index: int) -> Recurrent:
        """The recurrent part of network ``index`` as a torch module, see :func:`linmem.trained.modules.to_module`."""
        from linmem.trained.modules import to_module

        return to_module(self.weights[check_integer("index", index, 0, len(self.networks) - 1)])

    def rows(self) -> list[dict[str, int | float | bool | str]]:
        """One row per network, ready for a table.

        Columns cell, cells, layers, links, readout, state_size (cells in all layers), position, min_length, max_length,
        absent, seed, error, solved, diverged.
        """
        return [
            {
                "cell": network.spec.architecture.cell,
                "cells": network.spec.architecture.cells,
                "layers": network.spec.architecture.layers,
                "links": network.spec.architecture.links,
                "readout": network.spec.architecture.readout,
                "state_size": network.spec.state_size,
                "position": network.spec.task.position,
                "min_length": network.spec.task.min_length,
                "max_length": network.spec.task.max_length,
                "absent": network.spec.task.absent,
                "seed": network.seed,
                "error": float(error),
                "solved": bool(solved),
                "diverged": bool(diverged),
            }
            for network, error, solved, diverged in zip(
                self.networks, self.errors, self.solved, self.diverged, strict=True
            )
        ]
