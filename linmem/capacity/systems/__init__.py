"""Networks to measure: connectivity matrices, input masks, input series."""

from linmem.capacity.systems.connectivity import CONNECTIVITIES, haar_orthogonal, random_connectivity
from linmem.capacity.systems.inputs import LAWS, StationaryInput, input_series
from linmem.capacity.systems.masks import MASKS, random_mask

__all__ = [
    "CONNECTIVITIES",
    "LAWS",
    "MASKS",
    "StationaryInput",
    "haar_orthogonal",
    "input_series",
    "random_connectivity",
    "random_mask",
]
