"""The engines that can train networks, behind one interface.

- "torch": :mod:`linmem.trained.torch_engine`, always there; any device, float32 or float64.
- "auto": the fastest engine that is installed and can do what is asked.
"""

from __future__ import annotations

from linmem.checks import check_choice

ENGINES = ("auto", "torch")


def chosen_engine(engine: str) -> str:
    """The engine that ``engine`` stands for.

    >>> chosen_engine("torch")
    'torch'
    """
    name = check_choice("engine", engine, ENGINES)
    return "torch" if name == "auto" else name
