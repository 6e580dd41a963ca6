"""How figures look and how they are written: one style, and bytes that depend on the figure alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from linmem.checks import check_choice, check_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe-Ito: told apart by readers with any of the common colour deficiencies, and in this order also in grey.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def style() -> AbstractContextManager[None]:
    """Context with linmem's drawing style: embedded fonts, 8 pt, colour-blind-safe cycle, reproducible bytes."""
    import matplotlib as mpl
    from cycler import cycler

    return mpl.rc_context(
        {
            "font.size": 8.0,
            "axes.labelsize": 8.0,
            "axes.titlesize": 8.0,
            "xtick.labelsize": 7.0,
            "ytick.labelsize": 7.0,
            "legend.fontsize": 7.0,
            "legend.frameon": False,
            "lines.linewidth": 1.2,
            "lines.markersize": 4.0,
            "axes.linewidth": 0.6,
            "axes.prop_cycle": cycler(color=PALETTE),
            "figure.constrained_layout.use": True,
            "figure.dpi": 150.0,
            "pdf.fonttype": 42,
            "svg.fonttype": "path",
            "svg.hashsalt": "linmem",
            "mathtext.fontset": "dejavusans",
        }
    )


def save(figure: Figure, folder: str | Path, name: str, formats: Sequence[str] = ("pdf", "png")) -> list[Path]:
    """Write a figure; the bytes depend on the figure alone (no dates, no version of the drawing library)."""
    target, written = check_folder("folder", folder), list[Path]()
    metadata = {
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None},
        "svg": {"Date": None},
    }
    for format in formats:
        check_choice("format", format, metadata)
        path = target / f"{name}.{format}"
        partial = path.with_suffix(f".{format}.part")
        with style():
            figure.savefig(partial, format=format, dpi=300, metadata=metadata[format])
        os.replace(partial, path)
        written.append(path)
    return written
