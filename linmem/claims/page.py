"""The HTML page of a run: summary, graph of claims, and for each claim statement, evidence, controls and figure.

The page needs no network and no script: formulas are MathML, the graph is inline SVG.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from latex2mathml.converter import convert
from markupsafe import Markup

from linmem.citations import sources
from linmem.claims.graph import draw_graph

_MATH = re.compile(r"\$([^$]+)\$")


def math_html(text: str) -> str:
    """Words with LaTeX between dollar signs as HTML with MathML.

    >>> math_html("a < b")
    'a &lt; b'
    """
    parts = _MATH.split(text)
    return "".join(convert(part) if place % 2 else escape(part) for place, part in enumerate(parts))


def number(value: object) -> str:
    """A number for reading: five significant digits; a pair as an interval.

    >>> number(1234567.0), number([0.25, 1e-9])
    ('1.2346e+06', '[0.25, 1e-09]')
    """
    if isinstance(value, list | tuple):
        return "[" + ", ".join(number(end) for end in value) + "]"
    return f"{value:.5g}" if isinstance(value, int | float) else str(value)


def render(facts: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """The page as text.

    Parameters
    ----------
    facts : the run as :func:`linmem.claims.report.report` gives it.
    figures : relative path of the figure drawn for a claim id.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters: dict[str, Any] = {"math": _markup, "number": number, "book": _book, "slug": _slug}
    environment.filters.update(filters)
    template = resources.files("linmem.claims").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(facts, figures=figures, graph=Markup(draw_graph(facts["claims"])))


def _markup(text: str) -> Markup:
    return Markup(math_html(text))


def _book(key: str) -> str:
    return sources()[key].name if key in sources() else key


def _slug(id: str) -> str:
    return id.replace("/", "_")
