"""Continuous-time linear RNNs as systems: kernel, response, functional norms, memory function."""

from linmem.continuous.network.functional import (
    ExtremalInput,
    difference,
    energy_gain,
    extremal_input,
    functional_norm,
    gramian,
    white_noise_norm,
)
from linmem.continuous.network.gain import peak_gain
from linmem.continuous.network.linear import LinearRNN, random_network
from linmem.continuous.network.memory import (
    MeasuredMemory,
    measured_memory_function,
    memory_function,
    sign_directions,
)
from linmem.continuous.network.module import to_module
from linmem.continuous.network.response import Response, respond, respond_path

__all__ = [
    "ExtremalInput",
    "LinearRNN",
    "MeasuredMemory",
    "Response",
    "difference",
    "energy_gain",
    "extremal_input",
    "functional_norm",
    "gramian",
    "measured_memory_function",
    "memory_function",
    "peak_gain",
    "random_network",
    "respond",
    "respond_path",
    "sign_directions",
    "to_module",
    "white_noise_norm",
]
