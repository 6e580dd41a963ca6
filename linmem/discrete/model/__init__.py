"""Random linear networks, temporal bases and structured input."""

from linmem.discrete.model.bases import TemporalBasis, temporal_basis
from linmem.discrete.model.network import RandomNetwork, haar_frequencies
from linmem.discrete.model.signals import SparseSignal, relative_noise, sparse_signal

__all__ = [
    "RandomNetwork",
    "SparseSignal",
    "TemporalBasis",
    "haar_frequencies",
    "relative_noise",
    "sparse_signal",
    "temporal_basis",
]
