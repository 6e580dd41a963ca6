"""Where a result comes from: versions, commit, processor, and the parts of a table's Parquet file that record it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from linmem.version import __version__

if TYPE_CHECKING:
    import pandas as pd

_LIBRARIES = ("numpy", "scipy", "sympy", "torch", "cvxpy", "pandas", "matplotlib", "python-flint")
_KEY = b"linmem"


def provenance() -> dict[str, str]:
    """Versions of linmem, Python and the libraries, the commit (if in a checkout), the kind of processor.

    Nothing that names a host, a user or a folder.

    >>> provenance()["linmem"] == __import__("linmem").__version__
    True
    """
    facts = {"linmem": __version__, "commit": commit(), "python": platform.python_version(), "processor": processor()}
    for library in _LIBRARIES:
        try:
            facts[library] = version(library)
        except PackageNotFoundError:
            continue
    return facts


def commit() -> str:
    """The commit of the checkout this package is in, with ``+`` if files differ from it; empty outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def processor() -> str:
    """Architecture, processor model where the system tells it, number of cores."""
    model = platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return ", ".join(filter(None, (platform.machine(), model, f"{os.cpu_count()} cores")))


def write_table(path: Path, table: pd.DataFrame, facts: Mapping[str, object]) -> None:
    """Write a table as Parquet with ``facts`` as JSON in the schema metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {**(arrow.schema.metadata or {}), _KEY: json.dumps(dict(facts), sort_keys=True).encode()}
    pq.write_table(arrow.replace_schema_metadata(metadata), path, compression="zstd")


def read_table(path: Path) -> tuple[pd.DataFrame, dict[str, object]]:
    """Read a table and its provenance; ``ValueError`` for a file that linmem did not write."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        arrow = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"a table must be a Parquet file, got {str(path)!r} ({error}); compute it again") from error
    metadata = arrow.schema.metadata or {}
    if _KEY not in metadata:
        raise ValueError(f"{str(path)!r} carries no linmem provenance; compute it again with `linmem figures`")
    return arrow.to_pandas(), json.loads(metadata[_KEY])
