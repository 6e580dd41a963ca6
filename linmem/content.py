"""Where the content lives: claims, figures and notebooks, in a source checkout or inside an installed wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FILE_PREFIX = "_linmem_content_"
_PACKAGE = Path(__file__).resolve().parent


def content_folder(name: str) -> Path:
    """The folder ``name`` ("verification", "paper_figures" or "notebooks").

    An installed wheel carries the first two inside the package; in a source checkout they lie beside it.

    >>> content_folder("verification").name
    'verification'
    """
    packed = _PACKAGE / "_content" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def python_files(path: Path) -> list[Path]:
    """The Python files below a folder that hold content (names that start with ``_`` or ``.`` are left out), sorted."""
    if path.is_file():
        return [path.resolve()]
    found = (file for file in path.rglob("*.py"))
    kept = (f for f in found if not any(part[0] in "_." for part in f.relative_to(path).parts))
    return sorted(file.resolve() for file in kept)


def load_file(path: Path) -> ModuleType:
    """Import a Python file by its path, once per process, under a name of its own.

    Exceptions of the file itself pass through.
    """
    file = path.resolve()
    name = f"{FILE_PREFIX}{hashlib.sha256(str(file).encode()).hexdigest()[:12]}_{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"content must be a Python file, got {str(path)!r}; pass a .py file or a folder of them")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
