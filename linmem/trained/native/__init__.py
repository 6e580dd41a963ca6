"""The native training engine: one network at a time, the samples of a batch in the lanes of the processor's vectors.

:mod:`~linmem.trained.native.library` (the compiled module: whether it is there, and for which instruction sets),
:mod:`~linmem.trained.native.training` (training and evaluation on memorisation tasks),
:mod:`~linmem.trained.native.passes` (outputs and gradients on given sequences),
:mod:`~linmem.trained.native.layout` (weights in the engine's order).

Where the package was built without a C++ compiler the engine is absent: :func:`is_available` says so, and
:func:`choose_engine` falls back to torch with one warning. The sources are in ``src/``.
"""

from __future__ import annotations

from linmem.trained.native.library import choose_engine, instruction_sets, is_available
from linmem.trained.native.passes import gradients, outputs
from linmem.trained.native.training import NativeTrained, NativeTrainer, evaluate_native, stream_key, train_native

__all__ = [
    "NativeTrained",
    "NativeTrainer",
    "choose_engine",
    "evaluate_native",
    "gradients",
    "instruction_sets",
    "is_available",
    "outputs",
    "stream_key",
    "train_native",
]
