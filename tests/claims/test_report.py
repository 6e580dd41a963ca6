"""The report: JSON as its schema says, a page that parses, tables and figures beside it."""

import json
from html.parser import HTMLParser

import jsonschema
import pandas as pd
import pytest
from samples import HEADER, snippet

from linmem.claims import Registry, run_all
from linmem.claims.graph import depths, draw_graph
from linmem.claims.page import math_html, number
from linmem.claims.report import describe, report, schema, write_report

SUITE = (
    snippet("toy/true", more=', table=pd.DataFrame({"t": [1, 2]}), note="with $a < b$"'),
    snippet("toy/false", 'Measurement("range", 3.0, "in", (0.0, 1.0))', depends=["toy/true"]),
    snippet("toy/raises", before='raise ValueError("<script>alert(1)</script>")', depends=["toy/true", "toy/false"]),
)
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Balanced(HTMLParser):
    """Fails on tags that do not match; collects ids, links and images."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], set(), [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        if "id" in given:
            self.ids.add(given["id"])
        if tag in ("a", "img"):
            self.links.append(given.get("href") or given.get("src"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("report")
    (path / "claims.py").write_text(HEADER + "".join(SUITE))
    results = run_all(Registry.load([path / "claims.py"], installed=False), jobs=1)
    write_report(results, path / "out", wall_seconds=1.5)
    return path / "out"


def test_json_follows_its_schema(folder):
    facts = json.loads((folder / "claims.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(facts, schema())
    assert [claim["verdict"] for claim in facts["claims"]] == ["holds", "fails", "error"]
    assert facts["green"] is False
    assert facts["claims"][1]["check"]["measurements"][0]["bound"] == [0.0, 1.0]
    broken = json.loads((folder / "claims.json").read_text())
    broken["claims"][0]["verdict"] = "true"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


def test_page_is_well_formed_and_its_links_lead_somewhere(folder):
    page = Balanced()
    text = (folder / "index.html").read_text()
    page.feed(text)
    assert page.open == []
    assert {"toy_true", "toy_false", "toy_raises"} <= page.ids
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else (folder / link).exists()
    assert "script" not in page.tags  # what a claim says is escaped
    assert "&lt;script&gt;" in text
    assert "1 of 3 claims came out as expected" in text


def test_tables_are_kept(folder):
    assert pd.read_csv(folder / "tables" / "toy_true.csv")["t"].tolist() == [1, 2]


def test_a_folder_that_cannot_be_written_to(tmp_path, folder):
    (tmp_path / "file").write_text("")
    results = run_all(Registry.load([folder.parent / "claims.py"], installed=False), jobs=1)
    with pytest.raises(ValueError, match="must be a folder that can be written to"):
        write_report(results, tmp_path / "file" / "below", 1.0)
    with pytest.raises(ValueError, match="at least one result"):
        report([], 1.0)


def test_description_of_a_claim_names_what_the_listing_promises():
    claim = next(iter(Registry.load()))
    promised = {"id", "source", "locator", "kind", "expected", "controls", "notebook", "figure"}
    assert promised <= set(describe(claim))


def test_graph_places_claims_right_of_what_they_rest_on():
    claims = [
        {"id": id, "depends": parents, "as_expected": True, "verdict": "holds"}
        for id, parents in {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["elsewhere"]}.items()
    ]
    assert depths(claims) == {"a": 0, "b": 1, "c": 2, "d": 0}
    assert draw_graph(claims).count('class="edge"') == 3


def test_words_and_formulas():
    assert math_html("no formula & none") == "no formula &amp; none"
    assert "<math" in math_html(r"error $\|\rho\|_1$")
    assert number(0.123456789) == "0.12346"
