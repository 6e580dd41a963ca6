"""The command ``linmem analyze``: the memory report of a saved network, or of an example."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

out, err = Console(), Console(stderr=True)


def analyze(
    model: Annotated[
        Path | None,
        typer.Argument(help="State dict (.pt, .pth, .safetensors) or matrices A, B, C (.npz). No code in it is run."),
    ] = None,
    example: Annotated[
        str | None, typer.Option(help="Instead of a file: rnn, lstm, gru (trained now), reservoir or ssm.")
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(help="JSON that says what the weights do not  [default: the file's name, ending in .json]."),
    ] = None,
    inputs: Annotated[str, typer.Option(help="Law of the input: uniform01, normal or rademacher.")] = "uniform01",
    budget: Annotated[str, typer.Option(help="quick (seconds) or full (minutes, narrower intervals).")] = "quick",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random number; same seed, same report.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write the report as a page.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Write the plots: .png, .pdf or .svg.")] = None,
) -> None:
    """Report the memory of a network: distance, capacity, kernel, spectrum, beside the bounds of theory."""
    if (model is None) == (example is None):
        got = "neither" if model is None else "both"
        raise ValueError(f"pass a file or --example, got {got}; e.g. linmem analyze --example rnn")
    if model is not None and not model.is_file():
        raise ValueError(f"the network must be a file, got {str(model)!r}; check the path")
    if spec is not None and model is None:
        raise ValueError("--spec belongs to a file, got --example; leave --spec out")
    if plot_file is not None and plot_file.suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"--plot must end in .png, .pdf or .svg, got {str(plot_file)!r}; change the ending")
    from linmem.checks import check_folder

    for option, path in (("--json", json_file), ("--html", html_file), ("--plot", plot_file)):
        if path is not None:
            check_folder(f"the folder of {option}", path.parent)
    from linmem.analysis.examples import example as build
    from linmem.analysis.files import load_model
    from linmem.report import memory_report

    with err.status("loading" if model is not None else "building the example") as status:

        def show(part: str, number: int, parts: int) -> None:
            status.update(f"{number} of {parts}: {part}")

        network = build(example or "") if model is None else load_model(model, spec)
        report = memory_report(network, inputs, rng=seed, budget=budget, progress=show)
        if json_file is not None:
            _replace(json_file, report.to_json() + "\n")
        if html_file is not None:
            _replace(html_file, report.to_html())
        if plot_file is not None:
            from linmem.figures import save

            save(report.plot(), plot_file.parent, plot_file.stem, [plot_file.suffix[1:]])
    _print(report)
    for path in (json_file, html_file, plot_file):
        if path is not None:
            out.print(escape(str(path)), highlight=False, soft_wrap=True)


def _print(report: object) -> None:
    """Sentences and table on the terminal."""
    from linmem.analysis.page import grouped, interval, setup
    from linmem.analysis.record import Record
    from linmem.analysis.words import plain

    assert isinstance(report, Record)
    out.print(escape(f"Memory of {report.facts['name']}"), style="bold", highlight=False)
    for sentence in report.sentences:
        out.print(escape(sentence), highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "Value", "Interval", "Cannot exceed"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=bool(name))
    for heading, rows in grouped(report):
        table.add_row(f"[bold]{heading}[/bold]")
        for row in rows:
            cells = ("–", "", "") if row.skipped else (plain(row.value), interval(row), plain(row.bound))
            table.add_row(escape(f"  {row.quantity}"), *cells, style="bold red" if row.violated else None)
    out.print(table)
    for row in report.rows:
        if row.skipped and row.note:
            out.print(escape(f"{row.quantity}: not measured, {row.note}"), style="dim", highlight=False)
    out.print(escape(setup(report)), style="dim", highlight=False)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
