"""linmem: a theory-verification suite for the memory of recurrent neural networks.

Subjects: :mod:`linmem.continuous` (linear RNNs in continuous time), :mod:`linmem.discrete` (random linear networks),
:mod:`linmem.capacity` (memory capacity of any network), :mod:`linmem.trained` (trained RNNs). Frameworks:
:mod:`linmem.claims` and :mod:`linmem.figures`. Any network: :mod:`linmem.analysis`, :mod:`linmem.report`. Shared:
:mod:`linmem.kernels`, :mod:`linmem.intervals`, :mod:`linmem.statistics`, :mod:`linmem.checks`, :mod:`linmem.citations`.

Submodules load on first use, so that ``import linmem`` is fast:

>>> import linmem
>>> linmem.kernels.ExponentialSum([1.0], [2.0]).l1_norm()
0.5
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from linmem.version import __version__

__all__ = [
    "__version__",
    "analysis",
    "capacity",
    "checks",
    "citations",
    "cite",
    "claims",
    "continuous",
    "discrete",
    "figures",
    "intervals",
    "kernels",
    "report",
    "statistics",
    "sweep",
    "trained",
]
_SUBMODULES = frozenset(__all__) - {"__version__", "cite"}

if TYPE_CHECKING:
    from linmem import analysis as analysis
    from linmem import capacity as capacity
    from linmem import checks as checks
    from linmem import citations as citations
    from linmem import claims as claims
    from linmem import continuous as continuous
    from linmem import discrete as discrete
    from linmem import figures as figures
    from linmem import intervals as intervals
    from linmem import kernels as kernels
    from linmem import report as report
    from linmem import statistics as statistics
    from linmem import sweep as sweep
    from linmem import trained as trained


def cite(target: object) -> str:
    """BibTeX of what ``target`` rests on: see :func:`linmem.citations.cite`."""
    from linmem import citations

    return citations.cite(target)


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"linmem.{name}")
    raise AttributeError(f"module 'linmem' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
