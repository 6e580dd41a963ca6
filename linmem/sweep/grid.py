"""Grids of named axes: products, unions, filters.

>>> grid = Grid(M=[10, 20], K=[1, 2, 15]).where(lambda M, K: K < M)
>>> len(grid), next(iter(grid))
(5, {'M': 10, 'K': 1})
>>> grid = grid * Grid(trials=[20]) + Grid(M=[30], K=[1], trials=[5])
>>> len(grid)
6
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

from linmem.sweep.codec import Parameters, canonical, plain_parameters, plain_scalar


class Grid:
    """The cells of a sweep, in a fixed order, each a dict of plain scalars; no cell occurs twice.

    ``Grid(a=[...], b=[...])`` is the product of its axes, the last one running fastest. ``g * h`` is the product of two
    grids, ``g + h`` one after the other, ``g.where(f)`` the cells for which ``f(**cell)`` is true.

    Parameters
    ----------
    axes : name = iterable of bool, int, finite float, str or None.

    Raises
    ------
    ValueError : for an empty axis, NaN or infinity, or a repeated cell.
    TypeError : for values that are no plain scalars.
    """

    def __init__(self, **axes: Iterable[object]) -> None:
        values: list[list[object]] = []
        for name, axis in axes.items():
            if isinstance(axis, str) or not isinstance(axis, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"axis {name} must be a list of values, got {axis!r}; write [{axis!r}]")
            entries: list[object] = [plain_scalar(name, value) for value in axis]
            if not entries:
                raise ValueError(f"axis {name} must hold at least one value, got none; leave it out or give it one")
            values.append(entries)
        self._cells: list[Parameters] = []
        if axes:
            self._fill(dict(zip(axes, combination, strict=True)) for combination in product(*values))

    @classmethod
    def of(cls, cells: Iterable[Mapping[str, object]]) -> Grid:
        """The grid of these cells, in this order (a :class:`Grid` is returned as it is)."""
        if isinstance(cells, Grid):
            return cells
        made = cls()
        made._fill(cells)
        return made

    def _fill(self, cells: Iterable[Mapping[str, object]]) -> None:
        self._cells = [plain_parameters(cell) for cell in cells]
        seen: set[str] = set()
        for cell in self._cells:
            text = canonical(cell)
            if text in seen:
                raise ValueError(f"the cells of a grid must differ, got {cell} twice; drop one or add an axis")
            seen.add(text)

    def __iter__(self) -> Iterator[Parameters]:
        return (dict(cell) for cell in self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    def __mul__(self, other: Grid) -> Grid:
        clash = {name for cell in self for name in cell} & {name for cell in other for name in cell}
        if clash:
            raise ValueError(
                f"the grids of a product must have different axes, got {sorted(clash)} in both; rename one"
            )
        return Grid.of([{**first, **second} for first in self for second in other])

    def __add__(self, other: Grid) -> Grid:
        return Grid.of([*self, *other])

    def where(self, keep: Callable[..., bool]) -> Grid:
        """The cells for which ``keep(**cell)`` is true."""
        return Grid.of([cell for cell in self if keep(**cell)])

    def __repr__(self) -> str:
        axes = list(dict.fromkeys(name for cell in self._cells for name in cell))
        return f"Grid({len(self)} cells, axes {', '.join(axes)})"
