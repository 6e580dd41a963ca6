"""The commands ``linmem sweep``: run a file's grid, watch a store, check it, export and import it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from linmem.sweep import CellsFailed

sweep_app = typer.Typer(no_args_is_help=True, help="Grids of computations: resumable, parallel, watched from anywhere.")
out, err = Console(), Console(stderr=True)

Seed = Annotated[int, typer.Option(min=0, help="Seed of every random number; same seed, same result.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Worker processes  [default: the cores of this machine].")]
Cluster = Annotated[str | None, typer.Option(help="Compute on a Dask scheduler, tcp://host:port, instead of here.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Forget finished cells (asks first) and compute all again.")]
Yes = Annotated[bool, typer.Option("--yes", help="Answer yes to that question.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Compute failed cells again.")]
StorePath = Annotated[Path, typer.Argument(help="The store of a sweep.")]


def confirm_fresh(store: Path, yes: bool) -> None:
    """Ask before finished cells are forgotten; exit status 1 if the answer is no."""
    if store.exists() and not yes:
        typer.confirm(f"Forget all finished cells in {store}?", abort=True)


def report_failures(error: CellsFailed) -> None:
    """The failed cells with the last line of their tracebacks, and the first traceback in full."""
    err.print(f"[bold red]failed:[/bold red] {escape(str(error))}", highlight=False, soft_wrap=True)
    for parameters, text in error.failures:
        err.print(escape(f"  {parameters}: {text.strip().splitlines()[-1]}"), highlight=False, soft_wrap=True)
    err.print(escape(error.failures[0][1].rstrip()), style="dim", highlight=False, soft_wrap=True)


def compute_file(path: str, /, *, seed: int, **parameters: Any) -> Any:
    """One cell of a file's sweep."""
    from linmem.content import load_file

    return load_file(Path(path)).cell(seed=seed, **parameters)


@sweep_app.command()
def run(
    file: Annotated[Path, typer.Argument(help="File with grid(scale), cell(seed, **parameters), maybe VERSION.")],
    store: Annotated[Path, typer.Option(help="File that keeps finished cells; one that exists is resumed.")],
    scale: Annotated[str, typer.Option(help="Passed to grid().")] = "quick",
    seed: Seed = 0,
    jobs: Jobs = None,
    cluster: Cluster = None,
    fresh: Fresh = False,
    yes: Yes = False,
    retry_failed: RetryFailed = False,
) -> None:
    """Compute the grid of a file; finished cells are never lost. Exit status 1 if cells failed."""
    from linmem.content import load_file
    from linmem.parallel import available_cores
    from linmem.sweep import run as run_sweep
    from linmem.sweep import source_digest

    if not file.is_file():
        raise ValueError(f"file must be a Python file with grid and cell, got {str(file)!r}; check the path")
    module = load_file(file)
    missing = [part for part in ("grid", "cell") if not callable(getattr(module, part, None))]
    if missing:
        raise ValueError(f"{file} must define grid(scale) and cell(seed, ...), got no {' and no '.join(missing)}")
    if fresh:
        confirm_fresh(store, yes)
    table = run_sweep(
        partial(compute_file, str(file.resolve())),
        module.grid(scale),
        store,
        jobs or available_cores(),
        cluster,
        seed=seed,
        name=file.stem,
        version=str(getattr(module, "VERSION", "1")),
        fingerprint=source_digest(module.cell),
        fresh=fresh,
        retry_failed=retry_failed,
    )
    out.print(
        f"{len(table.attrs['cell_seconds'])} cells, {len(table)} rows in {store}", highlight=False, soft_wrap=True
    )


@sweep_app.command()
def status(store: StorePath) -> None:
    """How far a sweep is: done, failed, rate, time left. Works while it runs."""
    from linmem.sweep import Store
    from linmem.sweep.progress import describe, stale_seconds

    with Store(store) as kept:
        progress, statuses = kept.progress(), list(kept.keys().values())
        meta = kept.meta
    out.print(escape(f"{meta['cell']} (version {meta['version']})"), highlight=False, soft_wrap=True)
    if progress is None:
        out.print(
            f"{statuses.count('done')} cells done, {statuses.count('failed')} failed, no run yet", highlight=False
        )
        return
    out.print(describe(progress), highlight=False, soft_wrap=True)
    if stale_seconds(progress) > 60:
        out.print(
            f"nothing written for {stale_seconds(progress):.0f} s: long cells, or the run was stopped", highlight=False
        )


@sweep_app.command()
def check(
    store: StorePath,
    drop: Annotated[bool, typer.Option("--drop", help="Remove damaged rows; a run computes them again.")] = False,
) -> None:
    """Check every row of a store against its checksum. Exit status 2 if rows are damaged."""
    from linmem.sweep import Store
    from linmem.sweep.store import writing

    if drop:
        with writing(store), Store(store) as kept:
            out.print(f"{kept.drop_damaged()} damaged rows removed", highlight=False)
    with Store(store) as kept:
        out.print(f"{len(kept.records())} rows, all intact", highlight=False)


@sweep_app.command(name="export")
def export_command(
    store: StorePath,
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    times: Annotated[bool, typer.Option(help="Include wall and CPU times (else: equal results, equal bytes).")] = True,
) -> None:
    """Write all cells of a store to one Parquet file, with provenance."""
    from linmem.sweep import export_store

    out.print(escape(str(export_store(store, file, times))), highlight=False, soft_wrap=True)


@sweep_app.command(name="import")
def import_command(
    file: Annotated[Path, typer.Argument(help="Parquet file that linmem sweep export wrote.")], store: StorePath
) -> None:
    """Add the cells of an exported file to a store."""
    from linmem.sweep import import_store

    out.print(f"{import_store(file, store)} cells added to {store}", highlight=False, soft_wrap=True)
