"""The report of a run: ``claims.json`` (format: ``schema.json`` beside this file), tables, figures, and the page."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from linmem.checks import check_folder
from linmem.claims.claim import Claim
from linmem.claims.result import CheckResult, Result
from linmem.figures import draw, save
from linmem.provenance import provenance

FORMAT = "linmem-claims-1"


def schema() -> dict[str, Any]:
    """The JSON schema of ``claims.json``.

    >>> schema()["title"]
    'linmem claims report'
    """
    return json.loads(resources.files("linmem.claims").joinpath("schema.json").read_text(encoding="utf-8"))


def describe(claim: Claim) -> dict[str, Any]:
    """What a claim states, without running it: id, source, locator, kind, expected, controls, notebook, figure, ..."""
    return {
        "id": claim.id,
        "source": claim.book.key,
        "locator": claim.locator,
        "kind": claim.kind,
        "statement": claim.statement,
        "assumptions": list(claim.assumptions),
        "depends": list(claim.depends),
        "expected": claim.expected,
        "controls": [control.description for control in claim.controls],
        "notebook": claim.notebook_name,
        "figure": claim.figure,
    }


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "description": check.description,
        "verdict": check.verdict.value,
        "error": check.error,
        "note": check.evidence.note if check.evidence else "",
        "wall_seconds": round(check.wall_seconds, 3),
        "cpu_seconds": round(check.cpu_seconds, 3),
        "measurements": [{**asdict(m), "verdict": m.verdict.value} for m in check.measurements],
    }


def report(results: Sequence[Result], wall_seconds: float) -> dict[str, Any]:
    """The run as plain data, as :func:`schema` documents it. ``results`` must not be empty."""
    if not results:
        raise ValueError("a report needs at least one result, got none; choose at least one claim")
    return {
        "format": FORMAT,
        "scale": results[0].scale.value,
        "seed": results[0].seed,
        "green": all(result.as_expected for result in results),
        "wall_seconds": round(wall_seconds, 3),
        "provenance": provenance(),
        "claims": [
            {
                **describe(result.claim),
                "verdict": result.verdict.value,
                "as_expected": result.as_expected,
                "problems": result.problems,
                "check": _check(result.check),
                "controls": [_check(control) for control in result.controls],
            }
            for result in results
        ],
    }


def write_report(results: Sequence[Result], folder: str | Path, wall_seconds: float) -> Path:
    """Write ``claims.json``, ``tables/*.csv``, ``figures/*.svg`` and ``index.html``; return the page's path.

    The JSON is written first and replaced at once, so that a failure while drawing loses nothing.

    Raises
    ------
    ValueError : if the folder cannot be written to.
    """
    target = check_folder("report folder", folder)
    facts = report(results, wall_seconds)
    _replace(target / "claims.json", json.dumps(facts, indent=1, allow_nan=False) + "\n")
    drawn: dict[str, str] = {}
    for result in results:
        table = result.check.evidence.table if result.check.evidence else None
        if table is None:
            continue
        slug = result.claim.id.replace("/", "_")
        table.to_csv(check_folder("tables", target / "tables") / f"{slug}.csv", index=False)
        if result.claim.figure:
            files = save(draw(result.claim.figure, table), target / "figures", result.claim.figure, ["svg", "pdf"])
            drawn[result.claim.id] = files[0].relative_to(target).as_posix()
    from linmem.claims.page import render

    page = target / "index.html"
    _replace(page, render(facts, drawn))
    return page


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
