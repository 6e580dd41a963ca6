"""The compiled module of the native engine: whether it is there, and which of its instruction sets run here."""

from __future__ import annotations

import functools
import importlib
import warnings
from typing import TYPE_CHECKING

from linmem.checks import check_choice

if TYPE_CHECKING:
    from types import ModuleType

_ABSENT = (
    "the native training engine was not built (no C++ compiler when linmem was installed); install GCC or Clang and "
    "reinstall linmem, or use the torch engine"
)


@functools.cache
def _module() -> ModuleType | None:
    try:
        return importlib.import_module("linmem.trained.native._engine")
    except ImportError:
        return None


def is_available() -> bool:
    """Whether the engine was built when linmem was installed."""
    return _module() is not None


def engine() -> ModuleType:
    """The compiled module.

    Raises
    ------
    RuntimeError : if it is absent.
    """
    module = _module()
    if module is None:
        raise RuntimeError(_ABSENT)
    return module


def instruction_sets() -> tuple[str, ...]:
    """Instruction sets that the engine has kernels for and this processor runs, fastest first; empty if it is absent.

    "avx512", "avx2", "sse2" on x86-64; "generic" elsewhere (the compiler's target, e.g. NEON).
    """
    module = _module()
    return () if module is None else tuple(module.instruction_sets())


def check_instruction_set(name: str | None) -> str:
    """``name`` if it can be used here, the fastest one for ``None``.

    Raises
    ------
    ValueError : if it cannot be used here.
    RuntimeError : if the engine is absent.
    """
    usable = tuple(engine().instruction_sets())
    return usable[0] if name is None else check_choice("instruction_set", name, usable)


@functools.cache
def _warn_once() -> None:
    warnings.warn(_ABSENT, RuntimeWarning, stacklevel=3)


def choose_engine(wanted: str = "auto") -> str:
    """Return "native" or "torch": what is asked for, or for "auto" the native engine if it is there.

    The first fall-back of a process warns.

    Raises
    ------
    ValueError : if wanted is none of "auto", "native", "torch".
    RuntimeError : if "native" is asked for and absent.

    >>> choose_engine("torch")
    'torch'
    """
    choice = check_choice("engine", wanted, ("auto", "native", "torch"))
    if choice == "native":
        engine()
    if choice != "auto":
        return choice
    if is_available():
        return "native"
    _warn_once()
    return "torch"
