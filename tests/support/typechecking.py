"""The type checker behind jaxtyping's import hook: beartype, on array shapes alone.

Scalars and paths are left to linmem's own checks, whose messages other tests read.
"""

from __future__ import annotations

import re
from typing import Any

from beartype import BeartypeConf, beartype

_SHAPED = re.compile(r"\b(Shaped|Num|Inexact|Float|Complex|Integer|Int|Bool)\w*\[")
_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def _is_shaped(annotation: object) -> bool:
    return bool(_SHAPED.search(annotation if isinstance(annotation, str) else repr(annotation)))


def check_shapes(function: Any) -> Any:
    """Check those arguments and results of a function whose annotation names a shape."""
    written = dict(getattr(function, "__annotations__", {}))
    shaped = {name: annotation for name, annotation in written.items() if _is_shaped(annotation)}
    if not shaped or isinstance(function, type):
        return function
    function.__annotations__ = shaped
    try:
        return _check(function)
    finally:
        function.__annotations__ = written
