"""Parameters and results as text, exactly and without pickle: canonical JSON, keys, seeds, checksums.

Parameters are plain scalars (bool, int, finite float, str, None): their canonical form does not depend on the order in
which they are named, keeps every bit of a float, and tells 1 from 1.0. Results are flat: scalars (NaN and infinity
allowed) and numeric, boolean or string arrays.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Parameters = dict[str, Any]
Row = dict[str, Any]

_ARRAY = "__array__"
_NUMBER = "__float__"


def plain_scalar(name: str, value: object) -> bool | int | float | str | None:
    """Return a parameter as a plain Python scalar.

    Raises ``TypeError`` for anything that is no scalar, ``ValueError`` for NaN and infinity: a cell is looked up by its
    parameters, and NaN equals nothing.

    >>> plain_scalar("M", np.int64(3)), plain_scalar("q", np.float64(0.5))
    (3, 0.5)
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"parameter {name} must be finite, got {value!r}; use None or a string for a special case")
        return value
    raise TypeError(
        f"parameter {name} must be a plain scalar (bool, int, float, str, None), got {type(value).__name__}; "
        "name a larger object by a string and build it in the cell"
    )


def plain_parameters(parameters: Mapping[str, object]) -> Parameters:
    """Return parameters with plain scalar values and string names (see :func:`plain_scalar`)."""
    for name in parameters:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"parameter names must be strings, got {name!r}; rename it")
        if name == "seed":
            raise ValueError(
                "a parameter must not be named 'seed', got 'seed': the cell's own seed comes under that name"
            )
    return {name: plain_scalar(name, value) for name, value in parameters.items()}


def canonical(value: object) -> str:
    """Canonical JSON: sorted names, shortest exact floats, no NaN.

    >>> canonical({"b": 1.0, "a": 1}) == canonical({"a": 1, "b": 1.0})
    True
    """
    return json.dumps(value, sort_keys=True, allow_nan=False)


def cell_key(cell: str, version: str, seed: int, parameters: Parameters) -> str:
    """Key of one cell: SHA-256 of cell name, cell version, root seed and canonical parameters."""
    return hashlib.sha256(canonical([cell, version, seed, parameters]).encode()).hexdigest()


def cell_seed(cell: str, parameters: Mapping[str, object], seed: int) -> int:
    """Seed of one cell: a function of the cell's name, its parameters and the root seed, not of any order.

    >>> cell_seed("f", {"a": 1, "b": 2}, 0) == cell_seed("f", {"b": 2, "a": 1}, 0)
    True
    """
    digest = hashlib.sha256(canonical([cell, plain_parameters(parameters)]).encode()).digest()
    words = np.frombuffer(digest[:16], dtype=np.uint32)
    return int(np.random.SeedSequence([seed, *map(int, words)]).generate_state(1)[0])


def encode_rows(result: object) -> str:
    """A cell's result, a flat mapping or a sequence of them, as text.

    Raises ``TypeError`` for other objects, naming the entry.
    """
    rows = [result] if isinstance(result, Mapping) else result
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise TypeError(f"a cell must return a flat dict or a list of them, got {type(result).__name__}; return a dict")
    encoded: list[Row] = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise TypeError(f"a cell must return a flat dict or a list of them, got a list of {type(row).__name__}")
        encoded.append({str(name): _encode(str(name), value) for name, value in row.items()})
    return json.dumps(encoded, allow_nan=False)


def decode_rows(text: str) -> list[Row]:
    """The rows that :func:`encode_rows` wrote, arrays as numpy arrays.

    >>> decode_rows(encode_rows({"x": np.arange(2), "nan": float("nan")}))
    [{'x': array([0, 1]), 'nan': nan}]
    """
    return [{name: _decode(value) for name, value in row.items()} for row in json.loads(text)]


def _encode(name: str, value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_NUMBER: repr(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcU":
        array = np.ascontiguousarray(value)
        data = base64.b64encode(array.tobytes()).decode("ascii")
        return {_ARRAY: [array.dtype.str, list(value.shape), data]}
    raise TypeError(
        f"result {name!r} must be a scalar or a numeric array, got {type(value).__name__}; give each part a name"
    )


def _decode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if _NUMBER in value:
        return float(value[_NUMBER])
    kind, shape, data = value[_ARRAY]
    return np.frombuffer(base64.b64decode(data), dtype=np.dtype(kind)).reshape(shape).copy()


def checksum(*parts: object) -> str:
    """SHA-256 over the stored parts of one row; a flipped bit in any of them changes it."""
    return hashlib.sha256(json.dumps(parts, default=repr).encode()).hexdigest()
