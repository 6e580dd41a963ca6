"""The memory distance of linear stacks, in exact arithmetic: at most c l - (l - 1) positions, and that many."""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.trained.linear_stack import LinearStack, generic_stack, random_stack, shift_stack

# (layers, cells) of the stacks whose weights are all variables
GENERIC = ((1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (3, 1), (2, 2), (3, 2), (2, 3))


def _row(kind: str, stack: LinearStack) -> dict[str, object]:
    """One stack: largest power in its numerator, plus 1, and the position that it recalls (0: none)."""
    a = stack.architecture
    return {
        "kind": kind,
        "layers": a.layers,
        "cells": a.cells,
        "links": a.links,
        "numerator_terms": stack.numerator_degree + 1,
        "constant": int(stack.denominator[0]),
        "recalled": stack.recalled_position or 0,
    }


def _evidence(scale: Scale, rng: np.random.Generator, links: str = "same-step", above: int = 0) -> Evidence:
    """Numerators and shift chains of stacks with these links against the limit ``c l - (l - 1) + above``."""
    shapes = [(l, c) for l in range(1, 7) for c in range(1, 11)]
    layers, cells = scale.pick(quick=(4, 6), paper=(6, 8))
    rows = [_row("generic", generic_stack(c, l, links)) for l, c in GENERIC]
    rows += [
        _row("random", random_stack(c, l, links, rng=rng))
        for l, c in shapes
        if l <= layers and c <= cells
        for _ in "ab"
    ]
    rows += [_row("chain", shift_stack(c, l, links)) for l, c in shapes]
    table = pd.DataFrame(rows)
    table["limit"] = table["cells"] * table["layers"] - (table["layers"] - 1) + above
    excess = {kind: part["numerator_terms"] - part["limit"] for kind, part in table.groupby("kind")}
    chains = table[table["kind"] == "chain"]
    attained = chains["recalled"] - chains["limit"]
    return Evidence(
        [
            Measurement(
                "every weight a variable: largest power in the numerator, minus (limit - 1), largest",
                int(excess["generic"].max()),
                "==",
                0,
            ),
            Measurement("the same, smallest", int(excess["generic"].min()), "==", 0),
            Measurement("denominators whose constant term is not 1", int((table["constant"] != 1).sum()), "==", 0),
            Measurement(
                "random whole numbers: largest power in the numerator, minus (limit - 1), largest",
                int(excess["random"].max()),
                "==",
                0,
            ),
            Measurement("shift chains: position recalled exactly, minus the limit, smallest", attained.min(), "==", 0),
            Measurement("shift chains: position recalled exactly, minus the limit, largest", attained.max(), "==", 0),
        ],
        table=table,
        note=f"{len(GENERIC)} generic, {len(excess['random'])} random stacks, {len(chains)} chains; {links} links",
    )


@claim(
    "linmem/linear-stack-distance",
    source="illium2022",
    locator="Section 4, the bound N - (l - 1), for linear layers",
    kind="symbolic",
    statement=(
        r"A stack of $l$ layers of $c$ linear cells, each layer reading the one below at the same step, "
        r"$h_i(t) = U_i h_i(t-1) + W_i h_{i-1}(t)$, $h_0 = x$, answer $r^T h_l(t)$, can be given weights that recall "
        r"$x_{t-(p-1)}$ exactly for $p = cl - (l-1)$, and for no larger $p$. With $s = z^{-1}$ it is $n(s)/d(s)$, "
        r"$d = \prod_i \det(I - sU_i)$, $d(0) = 1$ and $\deg n \le l(c-1)$, for any weights; exact recall is "
        r"$n = s^{p-1} d$, which has degree at least $p-1$. A chain of shifts attains the limit, also with summed "
        r"outputs, $r = (1, \dots, 1)$."
    ),
    assumptions=[
        r"every weight a variable: $(l, c) = (1, 1..4), (2, 1..3), (3, 1..2)$; beyond, random whole numbers in "
        r"$[-2^{31}, 2^{31})$, where a coefficient of $s^k$ that is not identically zero vanishes with probability at "
        r"most $(k + l + 1)/2^{32}$; for all $l$, $c$ by the argument of the adjugate in the notebook",
        r"chains: all $l \le 6$, $c \le 10$",
        r"biases add a number that does not depend on $x$; smaller $p$: shorter chains",
    ],
)
def linear_stack_distance(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Numerators from the impulse response times the denominator; the adjugate is not used."""
    return _evidence(scale, rng)


@linear_stack_distance.control("links delayed by one step: each adds a power to the numerator")
def linear_stack_distance_delayed(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The chains then recall c l positions."""
    return _evidence(scale, rng, links="delayed")


@linear_stack_distance.control("a limit one lower")
def linear_stack_distance_lower(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The limit is the least one that is true."""
    return _evidence(scale, rng, above=-1)
