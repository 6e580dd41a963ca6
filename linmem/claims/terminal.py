"""The run in the terminal: progress while it lasts, a table at its end."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from linmem.claims.claim import Claim
from linmem.claims.evidence import Verdict
from linmem.claims.result import CheckResult, Result


class Watch:
    """Callbacks for :func:`linmem.claims.run_all`: a bar on a terminal, a line per finished check elsewhere."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console, self._progress = console, progress
        self._task: TaskID | None = None
        self._total = self._done = 0

    def start(self, total: int) -> None:
        """Called once with the number of checks."""
        self._total = total
        if self._progress:
            self._task = self._progress.add_task("checking", total=total)

    def check(self, claim: Claim, found: CheckResult) -> None:
        """Called as each check finishes."""
        self._done += 1
        good = found.verdict is not Verdict.ERROR
        name = claim.id + (" (control)" if found.description else "")
        line = f"{name}: {found.verdict.value}, {found.wall_seconds:.1f} s"
        if self._progress and self._task is not None:
            self._progress.update(self._task, advance=1, description=escape(name))
            self._progress.console.print(("  " if good else "[red]! [/red]") + escape(line), highlight=False)
        else:
            self._console.print(escape(f"[{self._done}/{self._total}] {line}"), highlight=False)


@contextmanager
def watch(console: Console) -> Generator[Watch]:
    """Show progress inside the block."""
    if not console.is_terminal:
        yield Watch(console, None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Watch(console, progress)


def results_table(results: Sequence[Result], narrow: bool = False) -> Table:
    """A row per claim: verdict, expected verdict, controls that failed as they must, time, and whether all is well."""
    table = Table(title=f"Claims at {results[0].scale} scale, seed {results[0].seed}" if results else "No claims")
    for column in ("", "Claim", *(() if narrow else ("Kind",)), "Verdict", "Expected", "Controls failed"):
        table.add_column(column, no_wrap=column == "Claim")
    table.add_column("Time", justify="right")
    for result in results:
        failed = sum(control.verdict is Verdict.FAILS for control in result.controls)
        seconds = sum(check.wall_seconds for check in (result.check, *result.controls))
        table.add_row(
            "[green]✓[/green]" if result.as_expected else "[red]✗[/red]",
            result.claim.id,
            *(() if narrow else (result.claim.kind,)),
            result.verdict.value,
            result.expected,
            f"{failed} of {len(result.controls)}",
            f"{seconds:.1f} s",
        )
    return table


def print_problems(console: Console, results: Sequence[Result]) -> None:
    """Why claims are not as expected, with the traceback of every error."""
    for result in results:
        if result.as_expected:
            continue
        console.print(f"\n[bold red]✗ {result.claim.id}[/bold red]  {escape(str(result.claim.file))}", highlight=False)
        for problem in result.problems:
            console.print(f"  {escape(problem)}", highlight=False)
        for check in (result.check, *result.controls):
            if check.error:
                console.print(escape(check.error.rstrip()), style="dim", highlight=False)
            elif check is result.check and result.problems:
                console.print(escape(str(result)), style="dim", highlight=False)
