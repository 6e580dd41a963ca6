"""Memory of any network with a state: reservoirs, torch modules, reservoirpy nodes; when they have echo states."""

from __future__ import annotations

from linmem.capacity.models.echo_state import (
    Contraction,
    StateBox,
    contraction_bound,
    invariant_box,
    spectral_radius_bounds,
    uniform_contraction,
)
from linmem.capacity.models.linear_system import linear_system
from linmem.capacity.models.nonlinear import NonlinearMemory, nonlinear_memory
from linmem.capacity.models.reservoir import TanhReservoir
from linmem.capacity.models.states import collect_states

__all__ = [
    "Contraction",
    "NonlinearMemory",
    "StateBox",
    "TanhReservoir",
    "collect_states",
    "contraction_bound",
    "invariant_box",
    "linear_system",
    "nonlinear_memory",
    "spectral_radius_bounds",
    "uniform_contraction",
]
