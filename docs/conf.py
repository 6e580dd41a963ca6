"""Sphinx configuration: `make docs` builds the pages and executes every notebook."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import linmem

HERE = Path(__file__).resolve().parent

project = "linmem"
author = project_copyright = "The linmem developers"
release = version = linmem.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "_templates", "results"]
templates_path = ["_templates"]
highlight_language = "none"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 2
nb_execution_mode = "force"
nb_execution_timeout = 1200
nb_execution_raise_on_error = True
html_theme = "furo"
html_title = f"linmem {version}"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
suppress_warnings = ["mystnb.unknown_mime_type"]

# Notebooks live at the top of the project; Sphinx reads copies. They and the stubs of the reference are made anew at
# each build, so that nothing is left of what has moved.
for made in ("notebooks", "api"):
    shutil.rmtree(HERE / made, ignore_errors=True)
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", ignore=shutil.ignore_patterns(".*"))


PLACE = re.compile(r"(\*{0,2}[A-Za-z_][\w*, ]*) : +(.*)")


def tidy(app, what, name, obj, options, lines):  # noqa: ARG001
    """What docstrings write in plain characters, as reStructuredText reads it.

    Headings become bold lines, ``name : text`` a list. Absolute values |x| would be substitutions; ranges ``0 .. n``
    and products ``c . x`` would look like ends of sentences, and autosummary would cut its summary there.
    """
    made: list[str] = []
    example = listed = False
    for k, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if example:
            made += ["", line] if listed else [line]
            listed = False
            continue
        if re.fullmatch("-{3,}", line) and k and lines[k - 1].strip():
            made[-1:] = [f"**{made[-1]}**", ""]
            continue
        parts = line.split("``")
        line = "``".join(part if j % 2 else part.replace("|", "\\|") for j, part in enumerate(parts))
        line = re.sub(r"(?<=\S) \. (?=\S)", " · ", re.sub(r"(?<=\S) \.\.(?=[ ,:;])", " …", line))
        entry = PLACE.match(line)
        if entry:
            made += [] if listed else [""]
            line, listed = f"- ``{entry[1]}``: {entry[2]}", True
        elif listed and line.startswith("    "):
            line = line[2:]
        elif listed:
            made += [""]
            listed = False
        made.append(line)
    lines[:] = made


def setup(app):
    """Connect the hook."""
    app.connect("autodoc-process-docstring", tidy)
