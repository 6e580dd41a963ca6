"""The command ``linmem``: list claims, verify them, draw figures, cite sources."""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import linmem
from linmem.checks import check_choice, nearest
from linmem.cli_analyze import analyze
from linmem.cli_sweep import Cluster, Fresh, Jobs, RetryFailed, Seed, Yes, confirm_fresh, report_failures, sweep_app

app = typer.Typer(
    name="linmem",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Check what theory says about the memory of recurrent neural networks.

Start with  [bold]linmem claims[/bold]  (what is claimed, and where),  [bold]linmem verify[/bold]  (check it on this
machine)  and  [bold]linmem cite[/bold]  (BibTeX).""",
)
app.add_typer(sweep_app, name="sweep")
app.command()(analyze)
REPORT = Path("build/report")
INTERRUPTED = 130  # exit status of a command that Ctrl-C ended
out, err = Console(), Console(stderr=True)

Scale = Annotated[str, typer.Option(help="Size of the computations: quick (minutes) or paper (the paper's sizes).")]


def _version(asked: bool) -> None:
    if asked:
        print(f"linmem {linmem.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the command."""


@app.command()
def claims(
    paths: Annotated[list[Path] | None, typer.Argument(help="Further files or folders with claims.")] = None,
    paper: Annotated[str | None, typer.Option(help="Only claims of this paper, e.g. li2021.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only symbolic, certified, numerical or statistical claims.")] = None,
    verdict: Annotated[
        str | None, typer.Option(help="Only claims with this verdict in the last report (without one: expected).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """List the claims: id, source, kind, expected verdict."""
    from linmem.claims import KINDS, Registry, Verdict
    from linmem.claims.report import describe

    registry = Registry.load(paths or [])
    chosen = list(registry)
    if paper is not None:
        check_choice("paper", paper, sorted({claim.paper for claim in registry}))
        chosen = [claim for claim in chosen if claim.paper == paper]
    if kind is not None:
        check_choice("kind", kind, KINDS)
        chosen = [claim for claim in chosen if claim.kind == kind]
    if verdict is not None:
        check_choice("verdict", verdict, [item.value for item in Verdict])
        verdicts = _last_verdicts()
        chosen = [claim for claim in chosen if verdicts.get(claim.id, claim.expected.split()[0]) == verdict]
    if as_json:
        print(json.dumps([describe(claim) for claim in chosen], indent=1))
        return
    wide = out.width >= 110
    table = Table("Claim", "Kind", "Expected", "Controls", *(["Place in the source"] if wide else []))
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for claim in chosen:
        row = [claim.id, claim.kind, claim.expected, str(len(claim.controls)), escape(claim.locator)]
        table.add_row(*row[: len(table.columns)])
    out.print(table)
    out.print(f"{len(chosen)} of {len(registry)} claims. Check one with: linmem verify ID", highlight=False)


def _last_verdicts() -> dict[str, str]:
    path = REPORT / "claims.json"
    if not path.is_file():
        err.print(f"no report in {REPORT}: filtering by the expected verdict (run `linmem verify` first)")
        return {}
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {claim["id"]: claim["verdict"] for claim in report["claims"]}


@app.command()
def verify(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Claim ids, or files and folders with claims  [default: all claims].")
    ] = None,
    scale: Scale = "quick",
    seed: Seed = 0,
    jobs: Jobs = None,
    report: Annotated[Path, typer.Option(help="Folder of the report.")] = REPORT,
    dependencies: Annotated[bool, typer.Option(help="Also check what the claims rest on.")] = False,
) -> None:
    """Check claims and their controls; write a page, claims.json, tables and figures.

    Exit status 0 if every claim is as expected and every control failed; 1 if not; 2 for a wrong call.
    """
    from linmem.checks import check_folder
    from linmem.claims import Registry, run_all
    from linmem.claims.evidence import Scale as Size
    from linmem.claims.report import write_report
    from linmem.claims.terminal import print_problems, results_table, watch

    Size.of(scale)
    check_folder("report folder", report)
    paths = [Path(target) for target in targets or [] if Path(target).exists()]
    ids = [target for target in targets or [] if not Path(target).exists()]
    registry = Registry.load(paths)
    chosen = [registry[id] for id in ids] + [claim for path in paths for claim in registry.below(path)]
    if not targets:
        chosen = list(registry)
    elif not chosen:
        raise ValueError(f"no claims in {', '.join(map(str, paths))}; a claim is a function with the decorator @claim")
    chosen = list(dict.fromkeys(chosen))
    if dependencies:
        chosen = registry.with_dependencies(claim.id for claim in chosen)
    start = time.perf_counter()
    with watch(out) as progress:
        results = run_all(chosen, scale, seed, jobs, progress.start, progress.check)
    seconds = time.perf_counter() - start
    page = write_report(results, report, seconds)
    out.print(results_table(results, narrow=out.width < 100))
    print_problems(out, results)
    bad = sum(not result.as_expected for result in results)
    summary = f"{len(results) - bad} of {len(results)} claims as expected in {seconds:.1f} s. Report: {page}"
    out.print(escape(summary), style="bold red" if bad else "bold green", highlight=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Figure names  [default: all].")] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="Compute now, at quick, reduced or paper scale  [default: redraw the shipped table]."),
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    cluster: Cluster = None,
    fresh: Fresh = False,
    yes: Yes = False,
    retry_failed: RetryFailed = False,
    to: Annotated[Path, typer.Option(help="Folder that receives PDF, PNG and computed tables.")] = Path(
        "paper_figures/out"
    ),
    show: Annotated[bool, typer.Option("--list", help="Only list the figures.")] = False,
) -> None:
    """Draw figures, from the shipped tables (seconds) or computed anew (resumable, see linmem sweep)."""
    from linmem import figures as library

    known = library.names()
    chosen = [check_choice("figure", name, known) for name in names or []] or known
    if scale is not None:
        check_choice("scale", scale, library.SCALES)
    for name in chosen:
        if show:
            out.print(f"{name}: {escape(library.title(name))}", highlight=False, soft_wrap=True)
            continue
        if scale is not None and fresh:
            confirm_fresh(library.store_path(name, to, scale, seed), yes)
        written = library.make(name, to, scale, seed, jobs, cluster, fresh, retry_failed)
        for path in written:
            out.print(escape(str(path)), highlight=False, soft_wrap=True)


@app.command()
def cite(
    target: Annotated[
        str, typer.Argument(help="Claim id, source key, or an object such as linmem.kernels.PowerLaw.")
    ] = "linmem",
) -> None:
    """Print the BibTeX of what a claim or an object rests on."""
    print(_bibtex(target))


def _bibtex(target: str) -> str:
    from linmem.citations import bibliography, sources
    from linmem.claims import Registry

    if target in sources():
        return linmem.cite(target)
    if target.startswith("linmem."):
        return linmem.cite(_resolve(target))
    registry = Registry.load()
    if target in registry.claims:
        parts = [registry[target], *registry.with_dependencies([target])]
        return bibliography([(claim.book, claim.locator) for claim in parts])
    guess = nearest(target, [*sources(), *registry.claims])
    hint = f"did you mean {', '.join(guess)}?" if guess else "see `linmem claims` for claims"
    raise ValueError(f"cite takes a claim id, a source key or an object linmem.…, got {target!r}; {hint}")


def _resolve(path: str) -> object:
    found: object = linmem
    parts = path.split(".")[1:]
    for place, part in enumerate(parts):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(["linmem", *parts[: place + 1]]))
            except ModuleNotFoundError:
                guess = nearest(part, dir(found), 1)
                hint = f"did you mean {guess[0]!r}?" if guess else "check the name"
                raise ValueError(f"{path!r} names no object of linmem: no {part!r}; {hint}") from None
    return found


def _show_warning(message: Warning | str, *_: object) -> None:
    err.print(f"[yellow]warning:[/yellow] {escape(str(message))}", highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point: errors of the call are one line on standard error and exit status 2, never a traceback."""
    from linmem.sweep import CellsFailed, EngineBroken, StoreError

    warnings.showwarning = _show_warning
    try:
        app()
    except CellsFailed as error:
        report_failures(error)
        sys.exit(1)
    except (ValueError, TypeError, StoreError, EngineBroken) as error:
        err.print(f"[bold red]error:[/bold red] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer turns Ctrl-C into this
            err.print("interrupted; what is finished is kept")
        raise


if __name__ == "__main__":
    main()
