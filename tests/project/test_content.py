"""Notebooks, citation file, README: what is committed fits what the code does."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

import linmem
from linmem.claims import Registry
from linmem.figures import names

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "notebooks").glob("tutorial_*.ipynb"))
NOTEBOOKS = sorted({*(ROOT / "notebooks").glob("*.ipynb")} - {*TUTORIALS})
SECTIONS = ["Statement", "Assumptions", "Computation", "Figure", "Control", "Verdict"]
CLAIMS = {claim.id: claim for claim in Registry.load()}


def cells_without_outputs(path):
    """The text of a valid notebook, and its code by cells."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert code[0].source.startswith("%matplotlib inline\n")  # figures made without pyplot are shown as well
    return "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown"), [c.source for c in code]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_clean_and_in_order(path):
    text, code = cells_without_outputs(path)
    headings = re.findall(r"^## +(.+?) *$", text, flags=re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    asserts = [node for node in ast.walk(ast.parse(code[-1])) if isinstance(node, ast.Assert)]
    assert "as_expected" in ast.unparse(asserts[-1])


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_are_clean_and_end_by_checking_what_they_say(path):
    text, code = cells_without_outputs(path)
    assert "pip install" in text
    assert any(isinstance(node, ast.Assert) for node in ast.parse(code[-1]).body)
    assert set(re.findall(r"`([a-z]+\d*/[a-z0-9-]+)`", text)) <= set(CLAIMS)


@pytest.mark.parametrize("id", CLAIMS)
def test_every_claim_has_its_notebook_and_figure(id):
    claim = CLAIMS[id]
    path = ROOT / "notebooks" / claim.notebook_name
    assert f'run("{id}"' in "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert claim.figure is None or claim.figure in names()


def test_every_notebook_belongs_to_a_claim():
    assert {path.name for path in NOTEBOOKS} == {claim.notebook_name for claim in CLAIMS.values()}


def test_the_version_stands_in_one_place():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == linmem.__version__
    assert f"## {linmem.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]


def test_tables_in_readme_and_docs_are_generated():
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_committed_results_are_of_the_present_claims():
    results = json.loads((ROOT / "docs" / "results" / "claims.json").read_text())
    assert [claim["id"] for claim in results["claims"]] == list(CLAIMS)
    assert results["green"] is True
    for found in results["claims"]:
        claim = CLAIMS[found["id"]]
        assert (found["statement"], found["kind"], found["expected"]) == (claim.statement, claim.kind, claim.expected)


def test_continuous_integration_runs_the_readme_command():
    script = (ROOT / ".ci" / "run").read_text()
    assert "make test" in script
    assert "make test" in (ROOT / "README.md").read_text()
