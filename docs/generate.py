"""Brings every generated number and table in README and docs up to date, from the result files in docs/results/.

    python docs/generate.py                 rewrite the generated blocks
    python docs/generate.py --check         change nothing; exit status 1 if a block is out of date
    python docs/generate.py --take FILE     first take FILE (a claims.json of `linmem verify`) as the new result file

A generated block stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
PAGES = ("README.md", "docs/index.md", "docs/claims.md", "docs/benchmarks.md", "docs/sweeps.md")
BLOCK = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def claims_table(report: dict[str, Any]) -> str:
    """One row a claim: verdict, expected verdict, controls, seconds."""
    lines = ["| claim | source | kind | verdict | expected | controls that failed |", "|---|---|---|---|---|---|"]
    for claim in report["claims"]:
        failed = sum(control["verdict"] == "fails" for control in claim["controls"])
        lines.append(
            f"| `{claim['id']}` | {claim['source']}, {claim['locator']} | {claim['kind']} | {claim['verdict']} "
            f"| {claim['expected']} | {failed} of {len(claim['controls'])} |"
        )
    return "\n".join(lines)


def summary(report: dict[str, Any]) -> str:
    """One sentence: how many claims, how many as expected, in what time on what machine."""
    good = sum(claim["as_expected"] for claim in report["claims"])
    facts = report["provenance"]
    return (
        f"{good} of {len(report['claims'])} claims as expected, every control failed, at {report['scale']} scale in "
        f"{report['wall_seconds']:.0f} s on {facts['processor']} (linmem {facts['linmem']}, Python {facts['python']}, "
        f"numpy {facts['numpy']}, torch {facts['torch']})."
    )


def statements(report: dict[str, Any]) -> str:
    """The claims in full: statement, assumptions, measurements."""
    parts: list[str] = []
    for claim in report["claims"]:
        parts.append(f"## {claim['id']}\n\n{claim['source']}, {claim['locator']}. Kind: {claim['kind']}.\n")
        parts.append(claim["statement"] + "\n")
        if claim["assumptions"]:
            parts.append("Assumptions: " + "; ".join(claim["assumptions"]) + ".\n")
        rows = ["| measurement | value | interval | must be |", "|---|---|---|---|"]
        for m in claim["check"]["measurements"]:
            interval = "–" if m["low"] == m["high"] else f"[{m['low']:.4g}, {m['high']:.4g}]"
            bound = m["bound"] if isinstance(m["bound"], list) else [m["bound"]]
            goal = ", ".join(f"{end:.4g}" for end in bound)
            relation = {"<=": "≤", ">=": "≥", "<": "&lt;", ">": "&gt;", "==": "="}.get(m["relation"], m["relation"])
            name = m["name"].replace("|", "\\|")
            rows.append(f"| {name} | {m['value']:.4g} | {interval} | {relation} {goal} |")
        parts.append("\n".join(rows) + "\n")
        for control in claim["controls"]:
            parts.append(f"Control: {control['description']} (verdict: {control['verdict']}).\n")
    return "\n".join(parts).rstrip()


def benchmark_table(name: str) -> str:
    """Rows, or a dictionary of numbers, of a benchmark's JSON as a table; ``FILE/KEY``, KEY "rows" if absent."""
    file, _, key = name.partition("/")
    facts = json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))[key or "rows"]
    rows = [{"quantity": name, "value": value} for name, value in facts.items()] if isinstance(facts, dict) else facts
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = (_number(value) for value in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: object) -> str:
    """Three significant digits, without an exponent for numbers that need none."""
    if not isinstance(value, float):
        return "–" if value is None else str(value).replace("|", "\\|")
    if math.isnan(value):
        return "–"
    return f"{value:.0f}" if 100 <= abs(value) < 1e6 else f"{value:.3g}"


def block(name: str) -> str:
    """Text of one generated block; ``KeyError`` for an unknown name."""
    if name.startswith("benchmark-"):
        return benchmark_table(name.removeprefix("benchmark-"))
    report = json.loads((RESULTS / "claims.json").read_text(encoding="utf-8"))
    return {"claims": claims_table, "summary": summary, "statements": statements}[name](report)


def main() -> int:
    """Rewrite or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if a block is out of date")
    parser.add_argument("--take", type=Path, help="a claims.json to take as the new result file")
    arguments = parser.parse_args()
    if arguments.take:
        if not json.loads(arguments.take.read_text(encoding="utf-8"))["green"]:
            print(f"{arguments.take} is not green: mend the claims first", file=sys.stderr)
            return 1
        shutil.copyfile(arguments.take, RESULTS / "claims.json")
    stale: list[str] = []
    for page in PAGES:
        path = ROOT / page
        old = path.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda match: f"{match[1]}{block(match[2])}\n{match[3]}", old)
        if new != old:
            stale.append(page)
            if not arguments.check:
                path.write_text(new, encoding="utf-8")
    if stale:
        print(("out of date: " if arguments.check else "rewritten: ") + ", ".join(stale))
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
