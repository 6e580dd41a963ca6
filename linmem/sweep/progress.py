"""Progress of a sweep: a bar on a terminal, quiet elsewhere, and the same numbers in one line."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from linmem.sweep.store import Progress, now


def describe(progress: Progress) -> str:
    """One line: done of all, failed, rate, time left, or how it ended.

    >>> describe(Progress(10, 0, 4, 1, started=0.0, updated=5.0, finished=False))
    '5 of 10 cells (1 failed), 1/s, 5 s left'
    """
    count = progress.done + progress.failed
    failed = f" ({progress.failed} failed)" if progress.failed else ""
    text = f"{count} of {progress.total} cells{failed}"
    if progress.finished:
        return f"{text}, finished"
    left = progress.remaining_seconds
    return f"{text}, {progress.rate:.3g}/s, {_duration(left)} left" if left is not None else f"{text}, just started"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def stale_seconds(progress: Progress) -> float:
    """Seconds since a run that has not finished wrote its last result."""
    return 0.0 if progress.finished else max(0.0, now() - progress.updated)


class Display:
    """Shows a :class:`Progress` after every save."""

    def __init__(self, bar: Bar | None) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None) if bar else None

    def show(self, progress: Progress) -> None:
        """Draw the present state."""
        if self._bar and self._task is not None:
            count = progress.done + progress.failed
            self._bar.update(
                self._task, completed=count, total=progress.total, description=describe(progress).split(", ", 1)[-1]
            )


@contextmanager
def display(wanted: bool, name: str) -> Generator[Display]:
    """A bar on standard error if it is a terminal and the caller wants one."""
    console = Console(stderr=True)
    if not wanted or not console.is_terminal:
        yield Display(None)
        return
    columns = (
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console) as bar:
        yield Display(bar)
