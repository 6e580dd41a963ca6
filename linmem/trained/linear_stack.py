"""Linear stacks in exact arithmetic: what layers of c linear cells can recall at all.

The linear part of a tanh stack near a fixed point, ``h_i(t) = U_i h_i(t-1) + W_i h_{i-1}(t)`` (``h_{i-1}(t-1)`` with
delayed links), ``h_0 = x``, read by a row r. In the backward shift s it answers x by ``h(s) = n(s)/d(s)`` with
``d(s) = prod_i det(I - s U_i)``, ``d(0) = 1``. Every layer adds at most c - 1 to the degree of n, the degree of the
adjugate of ``I - s U_i``, and every delayed link adds 1. Recalling the p-th number from the end means
``n(s) = s^{p-1} d(s)``, hence ``p - 1 <= deg n``: the limit is
:attr:`~linmem.trained.architecture.Architecture.linear_distance`, and :func:`shift_stack` attains it.

Entries may be whole numbers, fractions or polynomials: nothing is divided and nothing rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linmem.checks import check_choice, check_generator, check_integer
from linmem.citations import cites
from linmem.trained.architecture import LINKS, READOUTS, Architecture
from linmem.trained.weights import LayerWeights, NetworkWeights


@dataclass(frozen=True, eq=False)
class LinearStack:
    """A stack of linear layers with exact entries.

    Attributes
    ----------
    from_below : W_1, .., W_l; object arrays (c, 1), then (c, c).
    recurrent : U_1, .., U_l; object arrays (c, c).
    readout : r, object array (c,).
    links : "same-step" or "delayed".

    Raises
    ------
    ValueError : if the shapes do not fit each other, or for unknown links.

    >>> shift_stack(cells=3, layers=2).recalled_position, shift_stack(cells=3, layers=2, links="delayed").numerator
    (5, (0, 0, 0, 0, 0, 1))
    """

    from_below: tuple[NDArray[np.object_], ...]
    recurrent: tuple[NDArray[np.object_], ...]
    readout: NDArray[np.object_]
    links: str = "same-step"

    def __post_init__(self) -> None:
        check_choice("links", self.links, LINKS)
        for name in ("from_below", "recurrent"):  # machine integers would overflow
            object.__setattr__(self, name, tuple(matrix.astype(object) for matrix in getattr(self, name)))
        object.__setattr__(self, "readout", self.readout.astype(object))
        c = len(self.readout)
        wanted = [((c, c), U.shape) for U in self.recurrent] + [((c,), self.readout.shape)]
        wanted += [((c, c if i else 1), W.shape) for i, W in enumerate(self.from_below)]
        wrong = [f"{shape} for {want}" for want, shape in wanted if shape != want]
        if wrong or not len(self.from_below) == len(self.recurrent) >= 1:
            raise ValueError(
                f"from_below and recurrent must have one matrix a layer, (c, 1) then (c, c), and (c, c), with c = {c} "
                f"from the read-out; got {len(self.from_below)} and {len(self.recurrent)} layers, shapes "
                f"{', '.join(wrong) or 'that fit'}; pass shift_stack(cells, layers) for an example"
            )

    @property
    def architecture(self) -> Architecture:
        """Its shape: tanh layers without bias, read by a linear function."""
        return Architecture(
            cells=len(self.readout), layers=len(self.recurrent), links=self.links, readout="linear", bias=False
        )

    def state_response(self, count: int) -> list[NDArray[np.object_]]:
        """States (N,) after 0, 1, .., count - 1 steps, of an input that is 1 at step 0 and 0 later; lowest layer first.

        Found by running the stack layer by layer. Cost: ``count l c^2`` products.
        """
        states: list[NDArray[np.object_]] = [np.array([0] * len(self.readout), dtype=object) for _ in self.recurrent]
        found: list[NDArray[np.object_]] = []
        for t in range(check_integer("count", count, minimum=1)):
            before, below = list(states), np.array([1 if t == 0 else 0], dtype=object)
            for i, (W, U) in enumerate(zip(self.from_below, self.recurrent, strict=True)):
                if i > 0:
                    below = before[i - 1] if self.links == "delayed" else states[i - 1]
                states[i] = U @ before[i] + W @ below
            found.append(np.concatenate(states))
        return found

    def response(self, count: int) -> tuple[Any, ...]:
        """Answers h_0, .., h_{count-1} to that input: the answer to x is ``sum_k h_k x_{t-k}``.

        >>> shift_stack(cells=2).response(4)
        (0, 1, 0, 0)
        """
        c = len(self.readout)
        return tuple(self.readout @ state[-c:] for state in self.state_response(count))

    @property
    def denominator(self) -> tuple[Any, ...]:
        """Coefficients d_0 = 1, .., d_N of ``prod_i det(I - s U_i)``."""
        product: tuple[Any, ...] = (1,)
        for U in self.recurrent:
            product = _times(product, _reversed_characteristic(U))
        return product

    @property
    def numerator(self) -> tuple[Any, ...]:
        """Coefficients n_0, .., n_{N-1} of ``h(s) d(s)``; those beyond vanish, as for any system of N states.

        Computed from the response and the denominator; the adjugates, which say where it must vanish, are not used.
        """
        N = len(self.readout) * len(self.recurrent)
        return _times(self.response(N), self.denominator)[:N]

    @property
    def numerator_degree(self) -> int:
        """Largest k with ``n_k != 0``; -1 if the answer does not depend on the input."""
        return max((k for k, value in enumerate(self.numerator) if value != 0), default=-1)

    @property
    def recalled_position(self) -> int | None:
        """The p with answer ``x_{t-(p-1)}`` at every t, exactly (``n(s) = s^{p-1} d(s)``); None if there is none."""
        n, d = self.numerator, self.denominator
        p = next((k for k, value in enumerate(n) if value != 0), -1) + 1
        shifted = (0,) * (p - 1) + d  # N + p coefficients, n has N
        padded = n + (0,) * p
        return p if p > 0 and all(a == b for a, b in zip(padded, shifted, strict=True)) else None

    @property
    def reachable_states(self) -> int:
        """Exact dimension of what the input reaches, at most N: the memory capacity of its states, if it is stable.

        Rank of the first N state responses; for whole numbers and fractions only.

        >>> shift_stack(cells=3, layers=2).reachable_states, random_stack(cells=3, layers=2, rng=0).reachable_states
        (5, 6)
        """
        from fractions import Fraction

        from flint import fmpq, fmpq_mat

        N = len(self.readout) * len(self.recurrent)
        rows = [[Fraction(value) for value in state] for state in self.state_response(N)]
        return int(fmpq_mat([[fmpq(q.numerator, q.denominator) for q in row] for row in rows]).rank())

    def network(self, scale: float = 1.0) -> NetworkWeights:
        """The tanh stack with these weights (float64), its input times ``scale`` and its answer divided by it.

        For small ``scale`` tanh is linear up to O(scale^2).
        """
        zero = np.zeros(len(self.readout))
        pairs = zip(self.from_below, self.recurrent, strict=True)
        layers = [
            LayerWeights(W.astype(np.float64) * (1.0 if i else scale), U.astype(np.float64), zero, zero)
            for i, (W, U) in enumerate(pairs)
        ]
        return NetworkWeights(self.architecture, tuple(layers), self.readout.astype(np.float64) / scale)


@cites("linmem", "the chain that attains the limit of linear stacks")
def shift_stack(cells: int, layers: int = 1, links: str = "same-step", readout: str = "sum") -> LinearStack:
    """Whole-number weights that recall position ``c l - (l - 1)`` exactly, ``c l`` with delayed links.

    Every layer hands its input on from cell to cell, one step each; the next one reads the last cell. With readout
    "linear" the last cell is read. With "sum", the paper's, the top layer is written in coordinates whose sum is that
    cell: ``T = I`` with last row (-1, .., -1, 1).

    Parameters
    ----------
    cells, layers, links, readout : as in :class:`~linmem.trained.architecture.Architecture`.

    >>> shift_stack(cells=4, layers=3, links="delayed").recalled_position
    12
    """
    c, l = check_integer("cells", cells, minimum=1), check_integer("layers", layers, minimum=1)
    check_choice("readout", readout, READOUTS)
    chain = np.array([[int(i == j + 1) for j in range(c)] for i in range(c)], dtype=object)
    enter = np.array([[int(i == 0)] for i in range(c)], dtype=object)
    link = np.array([[int(i == 0 and j == c - 1) for j in range(c)] for i in range(c)], dtype=object)
    W, U = [enter] + [link] * (l - 1), [chain] * l
    last = np.array([int(j == c - 1) for j in range(c)], dtype=object)
    if readout == "sum":
        last_row = np.array([[int(i == c - 1 and j < c - 1) for j in range(c)] for i in range(c)], dtype=object)
        identity = np.array([[int(i == j) for j in range(c)] for i in range(c)], dtype=object)
        T, inverse = identity - last_row, identity + last_row
        W[-1], U[-1], last = T @ W[-1], T @ U[-1] @ inverse, last @ inverse
    return LinearStack(tuple(W), tuple(U), last, links)


def _filled(cells: int, layers: int, links: str, entry: Callable[[], Any]) -> LinearStack:
    """A stack with ``entry()`` in every place."""

    def matrix(rows: int, columns: int) -> NDArray[np.object_]:
        found = np.empty((rows, columns), dtype=object)
        for place in np.ndindex(rows, columns):
            found[place] = entry()
        return found

    c, l = check_integer("cells", cells, minimum=1), check_integer("layers", layers, minimum=1)
    from_below = tuple(matrix(c, c if i else 1) for i in range(l))
    return LinearStack(from_below, tuple(matrix(c, c) for _ in range(l)), matrix(1, c)[0], links)


def random_stack(
    cells: int,
    layers: int = 1,
    links: str = "same-step",
    *,
    rng: np.random.Generator | int,
    largest: int = 2**31,
) -> LinearStack:
    """Every entry a whole number, uniform on ``-largest .. largest - 1``, so that it is as good as generic.

    A polynomial of degree D in the entries that is not zero is zero there with probability at most D / (2 largest)
    (Schwartz and Zippel). The coefficient n_k has degree k + l + 1.

    >>> random_stack(cells=2, layers=3, rng=0).numerator_degree
    3
    """
    generator, bound = check_generator("rng", rng), check_integer("largest", largest, minimum=1, maximum=2**62)
    return _filled(cells, layers, links, lambda: int(generator.integers(-bound, bound)))


def generic_stack(cells: int, layers: int = 1, links: str = "same-step") -> LinearStack:
    """Every entry a variable of its own: what holds for it holds for all weights.

    Coefficients have some c^k terms; feasible for c l up to 6.

    >>> generic_stack(cells=2, layers=2).numerator_degree
    2
    """
    from flint import Ordering, fmpz_mpoly_ctx

    c, l = check_integer("cells", cells, minimum=1), check_integer("layers", layers, minimum=1)
    count = l * c * c + c + (l - 1) * c * c + c
    context = fmpz_mpoly_ctx.get([f"w{i}" for i in range(count)], Ordering.lex)
    variables = iter(context.gens())
    return _filled(c, l, links, lambda: next(variables))


def _times(one: tuple[Any, ...], two: tuple[Any, ...]) -> tuple[Any, ...]:
    """Coefficients of the product of two polynomials."""
    product: list[Any] = [0] * (len(one) + len(two) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(two):
            product[i + j] = product[i + j] + a * b
    return tuple(product)


def _reversed_characteristic(A: NDArray[np.object_]) -> tuple[Any, ...]:
    """Coefficients of ``det(I - s A)`` by Berkowitz's algorithm, which divides nothing; O(c^4) products."""
    found: list[Any] = [1]
    for k in range(len(A)):
        power, column = A[:k, k], [1, -A[k, k]]
        for _ in range(k):
            column.append(-(A[k, :k] @ power))
            power = A[:k, :k] @ power
        found = [sum(column[i - j] * found[j] for j in range(min(i, k) + 1)) for i in range(k + 2)]
    return tuple(found)
