"""Figures: a module in ``paper_figures/`` with ``grid``, ``cell`` and ``draw``; computed, tabled and drawn here.

``grid(scale)`` lists the parameters of every cell, ``cell(seed, **parameters)`` computes the rows of one, and
``draw(table)`` turns the table of all rows into a matplotlib figure. Tables at paper scale ship in
``paper_figures/data/``, so that anyone redraws in seconds. Same table, same bytes. A module with ``TABLE = "<name>"``
has ``draw`` alone: it draws the table of another figure.
"""

from linmem.figures.audit import Audit, audit, tables_agree
from linmem.figures.drawing import PALETTE, save, style
from linmem.figures.module import SCALES, compute_cell, draw, grid, load, names, shipped, table_owner, title
from linmem.figures.table import compute, make, store_path

__all__ = [
    "PALETTE",
    "SCALES",
    "Audit",
    "audit",
    "compute",
    "compute_cell",
    "draw",
    "grid",
    "load",
    "make",
    "names",
    "save",
    "shipped",
    "store_path",
    "style",
    "table_owner",
    "tables_agree",
    "title",
]
