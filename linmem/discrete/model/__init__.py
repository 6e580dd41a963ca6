"""Random linear networks, temporal bases, structured input and noise."""

from linmem.discrete.model.bases import BasisLike, TemporalBasis, random_basis, temporal_basis
from linmem.discrete.model.coherence import Coherence, coherence, spectral_peak
from linmem.discrete.model.lowrank import LowRankSignal, low_rank_signal
from linmem.discrete.model.network import RandomNetwork, haar_frequencies
from linmem.discrete.model.noise import final_noise, relative_noise, step_noise
from linmem.discrete.model.signals import SparseSignal, sparse_signal

__all__ = [
    "BasisLike",
    "Coherence",
    "LowRankSignal",
    "RandomNetwork",
    "SparseSignal",
    "TemporalBasis",
    "coherence",
    "final_noise",
    "haar_frequencies",
    "low_rank_signal",
    "random_basis",
    "relative_noise",
    "sparse_signal",
    "spectral_peak",
    "step_noise",
    "temporal_basis",
]
