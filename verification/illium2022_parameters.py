"""The parameter counts of Illium et al. (2022) against torch's modules and linmem's architectures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim

PAPER = {"rnn": 1, "lstm": 4, "gru": 3}  # times (m n + n^2 + n)


def _torch_count(cell: str, inputs: int, cells: int, layers: int, vectors: int) -> int:
    """Numbers in the tensors of torch's module; with one bias vector a layer, bias_hh is left out."""
    import torch

    kind = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    module = kind(inputs, cells, num_layers=layers, device="meta")
    named = module.named_parameters()
    return sum(tensor.numel() for name, tensor in named if vectors == 2 or not name.startswith("bias_hh"))


def _polynomial(count: Any, symbols: Sequence[Any]) -> Any:
    """The polynomial of degree at most 1, 2, 1 in m, n, l that agrees with ``count(m, n, l)`` at 1..2, 1..3, 1..2."""
    import sympy as sp

    m, n, l = symbols
    monomials = [m**i * n**j * l**k for i in range(2) for j in range(3) for k in range(2)]
    points = [(i, j, k) for i in (1, 2) for j in (1, 2, 3) for k in (1, 2)]
    system = sp.Matrix([[term.subs({m: i, n: j, l: k}) for term in monomials] for i, j, k in points])
    weights = system.LUsolve(sp.Matrix([count(*point) for point in points]))
    return sp.expand(sum(w * term for w, term in zip(weights, monomials, strict=True)))


def _terms(expression: Any) -> int:
    """Number of monomials; 0 if it vanishes identically."""
    import sympy as sp

    return len(sp.Add.make_args(expanded)) if (expanded := sp.expand(expression)) != 0 else 0


def _evidence(scale: Scale, factors: dict[str, int], vectors: int = 1) -> Evidence:
    """Polynomials in m, n, l of what torch and linmem count, against ``factor (m n + n^2 + n)`` a layer.

    vectors : bias vectors of torch that are counted, 1 or 2.
    """
    import sympy as sp

    from linmem.trained import Architecture

    symbols = m, n, l = sp.symbols("m n l", positive=True)
    largest = scale.pick(quick=(4, 8, 4), paper=(8, 20, 6))
    grid = list(product(*(range(1, top + 1) for top in largest)))
    measurements: list[Measurement] = []
    rows: list[dict[str, object]] = []
    for cell, factor in factors.items():
        # the lowest layer reads m inputs, the others n
        paper = sp.expand(factor * (m * n + n**2 + n) + (l - 1) * factor * (n * n + n**2 + n))
        found = _polynomial(lambda i, j, k, cell=cell: _torch_count(cell, i, j, k, vectors), symbols)
        both = _polynomial(lambda i, j, k, cell=cell: _torch_count(cell, i, j, k, 2), symbols)
        formula = sp.lambdify(symbols, paper)
        wrong = sum(_torch_count(cell, *point, vectors) != formula(*point) for point in grid)
        ours = sum(Architecture(cell, j, k).parameter_count != formula(1, j, k) for i, j, k in grid if i == 1)
        second = both - paper
        measurements += [
            Measurement(f"{cell}: monomials by which torch's tensors differ", _terms(found - paper), "==", 0),
            Measurement(f"{cell}: sizes at which torch's tensors differ", wrong, "==", 0),
            Measurement(f"{cell}: sizes at which Architecture.parameter_count differs", ours, "==", 0),
            Measurement(
                f"{cell}: monomials by which torch's second bias differs from {PAPER[cell]} n a layer",
                _terms(second - PAPER[cell] * n * l),
                "==",
                0,
            ),
        ]
        rows.append({"cell": cell, "torch": sp.sstr(found), "paper": sp.sstr(paper), "with both": sp.sstr(both)})
    return Evidence(measurements, pd.DataFrame(rows), f"{len(grid)} sizes m, n, l of each cell")


@claim(
    "illium2022/parameter-counts",
    source="illium2022",
    locator="Sections 2.2 and 4",
    kind="symbolic",
    statement=(
        r"A layer of $n$ cells with $m$ inputs has $mn + n^2 + n$ parameters (RNN), $4(mn + n^2 + n)$ (LSTM), "
        r"$3(mn + n^2 + n)$ (GRU), with one bias vector a gate; in a stack every layer above the lowest has $m = n$. "
        r"torch keeps two bias vectors a gate and counts $n$ more for each: $n$, $4n$, $3n$ a layer."
    ),
    assumptions=[
        r"the tensors of torch are $gn \times m$, $gn \times n$ and $gn$ for $g$ gates, so that their sizes, for $l$ "
        r"layers, are polynomials of degree at most $1$, $2$, $1$ in $m$, $n$, $l$: twelve sizes fix them; compared at "
        r"further ones",
        "the summed read-out has no parameters",
    ],
)
def parameter_counts(scale: Scale, rng: np.random.Generator) -> Evidence:
    """torch's tensors without bias_hh."""
    return _evidence(scale, PAPER)


@parameter_counts.control("both bias vectors of torch counted")
def parameter_counts_two_biases(scale: Scale, rng: np.random.Generator) -> Evidence:
    """torch's own count is not the paper's."""
    return _evidence(scale, PAPER, vectors=2)


@parameter_counts.control("LSTM with three gates, GRU with four")
def parameter_counts_swapped(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The factors of LSTM and GRU exchanged."""
    return _evidence(scale, {"rnn": 1, "lstm": 3, "gru": 4})
