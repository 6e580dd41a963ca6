"""The graph of claims as inline SVG: a node per claim, coloured by state, an arrow from what a claim rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_LETTER, _HEIGHT, _GAP_X, _GAP_Y = 7.9, 34, 56, 16  # pixels; the letters are of 13 px monospace


def depths(claims: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Length of the longest chain of dependencies below each claim (dependencies outside the run do not count).

    >>> depths([{"id": "a", "depends": []}, {"id": "b", "depends": ["a"]}])
    {'a': 0, 'b': 1}
    """
    parents = {claim["id"]: list(claim["depends"]) for claim in claims}
    found: dict[str, int] = {}

    def depth(id: str) -> int:
        if id not in found:
            found[id] = max((depth(parent) + 1 for parent in parents[id] if parent in parents), default=0)
        return found[id]

    for id in parents:
        depth(id)
    return found


def draw_graph(claims: Sequence[Mapping[str, Any]]) -> str:
    """SVG text; nodes link to the claims' anchors on the page. Green and red also differ by a sign, ✓ and ✗."""
    place: dict[str, tuple[int, int]] = {}
    rows: dict[int, int] = {}
    level = depths(claims)
    for claim in claims:
        column = level[claim["id"]]
        above = [place[parent][1] for parent in claim["depends"] if parent in place]
        row = max([rows.get(column, 0), *above])
        rows[column] = row + 1
        place[claim["id"]] = (column, row)
    columns, lines = max(rows) + 1, max(rows.values())
    node = 20 + round(_LETTER * (2 + max(len(claim["id"]) for claim in claims)))
    width, height = columns * (node + _GAP_X) - _GAP_X + 8, lines * (_HEIGHT + _GAP_Y) + _GAP_Y
    parts = [
        f'<svg class="graph" viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="graph of claims">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    ]
    for claim in claims:
        x, y = _corner(place[claim["id"]], node)
        for parent in claim["depends"]:
            if parent in place:
                px, py = _corner(place[parent], node)
                x0, y0, y1 = px + node, py + _HEIGHT // 2, y + _HEIGHT // 2
                bend = (x - x0) // 2
                curve = f"M{x0},{y0} C{x0 + bend},{y0} {x - bend},{y1} {x},{y1}"
                parts.append(f'<path class="edge" marker-end="url(#tip)" d="{curve}"/>')
    for claim in claims:
        x, y = _corner(place[claim["id"]], node)
        state, sign = ("green", "✓") if claim["as_expected"] else ("red", "✗")
        id = escape(claim["id"])
        parts.append(
            f'<a href="#{id.replace("/", "_")}"><g class="{state}"><title>{id}: {escape(claim["verdict"])}</title>'
            f'<rect x="{x}" y="{y}" width="{node}" height="{_HEIGHT}" rx="5"/>'
            f'<text x="{x + 10}" y="{y + 22}">{sign} {id}</text></g></a>'
        )
    return "\n".join([*parts, "</svg>"])


def _corner(place: tuple[int, int], node: int) -> tuple[int, int]:
    column, row = place
    return column * (node + _GAP_X) + 4, row * (_HEIGHT + _GAP_Y) + _GAP_Y // 2
