"""Sphinx configuration: `make docs` builds the pages and executes every notebook."""

from __future__ import annotations

import shutil
from pathlib import Path

import linmem

HERE = Path(__file__).resolve().parent

project = "linmem"
author = "The linmem developers"
release = version = linmem.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "results"]
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


def escape_bars(app, what, name, obj, options, lines):  # noqa: ARG001
    """Docstrings write absolute values as |x|; in reStructuredText that would be a substitution."""
    for place, line in enumerate(lines):
        parts = line.split("``")
        lines[place] = "``".join(part if k % 2 else part.replace("|", "\\|") for k, part in enumerate(parts))


def setup(app):
    """Connect the hook."""
    app.connect("autodoc-process-docstring", escape_bars)
