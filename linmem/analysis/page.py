"""A report as HTML that needs no network, and as plain text."""

from __future__ import annotations

import io
import textwrap
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from linmem.analysis.record import SECTIONS, Record, Row
from linmem.analysis.words import plain
from linmem.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def interval(row: Row) -> str:
    """The ends of a row's interval; empty if it has none, or they are the value itself.

    >>> interval(Row("state.size", "", "", 2.0, 1.96, 2.04))
    '1.96 to 2.04'
    """
    if row.low is None or row.high is None:
        return ""
    ends = plain(row.low), plain(row.high)
    return "" if ends[0] == ends[1] == plain(row.value) else f"{ends[0]} to {ends[1]}"


def grouped(record: Record) -> list[tuple[str, list[Row]]]:
    """Headings and rows of the sections that have rows."""
    return [
        (heading, [row for row in record.rows if row.section == key])
        for key, heading in SECTIONS.items()
        if any(row.section == key for row in record.rows)
    ]


def setup(record: Record) -> str:
    """How the numbers were made, in one sentence."""
    f = record.facts
    seed = "" if f["seed"] is None else f", seed {f['seed']}"
    return (
        f"Input {f['inputs']}; {f['states']:,} states after a warm-up of {f['washout']:,} steps; recalled means a mean "
        f"absolute error below {plain(f['threshold'])}; intervals at {100 * f['level']:.3g} %, one by one; "
        f"budget {f['budget']}{seed}; {f['seconds']:.1f} s; linmem {f['version']}."
    )


def _svg(figure: Figure) -> Markup:
    """The figure as inline SVG, the same bytes for the same figure."""
    text = io.StringIO()
    with style():
        figure.savefig(text, format="svg", metadata={"Date": None})
    whole = text.getvalue()
    return Markup(whole[whole.index("<svg") :])


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_read)
    )
    filters: dict[str, Any] = {"plain": plain, "interval": interval}
    environment.filters.update(filters)
    return environment


def _read(name: str) -> str:
    return resources.files("linmem.analysis").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def render_part(record: Record, figure: Figure) -> str:
    """The report as an HTML fragment, for notebooks."""
    return _environment().get_template("report.html.j2").render(
        facts=record.facts, sentences=record.sentences, groups=grouped(record), setup=setup(record), figure=_svg(figure)
    )  # fmt: skip


def render_page(record: Record, figure: Figure) -> str:
    """The report as an HTML page."""
    return _page(f"Memory of {record.facts['name']}", render_part(record, figure))


def render_comparison(records: tuple[Record, Record], figure: Figure, page: bool) -> str:
    """Two reports side by side, as a page or a fragment."""
    keys = list(dict.fromkeys(row.key for record in records for row in record.rows))
    order = list(SECTIONS)
    keys.sort(key=lambda key: order.index(key.partition(".")[0]))
    groups = [
        (heading, [[record.row(key) for record in records] for key in keys if key.partition(".")[0] == section])
        for section, heading in SECTIONS.items()
    ]
    names = [str(record.facts["name"]) for record in records]
    part = _environment().get_template("comparison.html.j2").render(
        names=names, sentences=[record.sentences for record in records], figure=_svg(figure),
        groups=[group for group in groups if group[1]], setups=[setup(record) for record in records],
    )  # fmt: skip
    return _page(f"Memory of {names[0]} and {names[1]}", part) if page else part


def _page(title: str, part: str) -> str:
    return _environment().get_template("page.html.j2").render(title=title, part=Markup(part))


def render_text(record: Record, width: int = 100) -> str:
    """The report as plain text: sentences, then a table; what was not measured comes with its reason.

    >>> record = Record({"name": "x", "inputs": "normal", "states": 10, "washout": 5, "threshold": 0.1, "level": 0.95,
    ...     "budget": "quick", "seed": 0, "seconds": 1.0, "version": "0"}, (Row("state.size", "size", "..", 3.0),))
    >>> print(render_text(record).splitlines()[0])
    Memory of x
    """
    lines = [f"Memory of {record.facts['name']}", ""]
    for sentence in record.sentences:
        lines += textwrap.wrap(sentence, width)
    for heading, rows in grouped(record):
        lines += ["", heading]
        for row in rows:
            if row.skipped:
                lines += textwrap.wrap(f"  {row.quantity}: not measured ({row.note})", width, subsequent_indent="    ")
                continue
            ends = interval(row)
            text = f"  {row.quantity:<42}{plain(row.value):>9}"
            text += f"  {ends:<20}" if ends else " " * 22
            text += f"<= {plain(row.bound)}" if row.bound is not None else ""
            lines.append(text.rstrip())
    return "\n".join([*lines, "", *textwrap.wrap(setup(record), width)])
