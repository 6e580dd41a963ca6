"""The arrays of a ``.safetensors`` file, read by the format's definition: a length, a JSON header, raw numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_LONGEST = 100_000_000  # bytes of a header, the format's own limit


def safetensors_arrays(file: Path) -> dict[str, Float[np.ndarray, "..."]]:
    """Name to array, float64.

    The file is 8 bytes (length of the header, little-endian), the header ``{name: {"dtype", "shape", "data_offsets"}}``
    in JSON, and the numbers, to which the offsets refer.

    Raises
    ------
    ValueError : for a file that is not of this format, or holds something else than real floating-point numbers.
    """
    data = file.read_bytes()
    found: dict[str, np.ndarray] = {}
    try:
        length = int.from_bytes(data[:8], "little")
        if length > min(_LONGEST, len(data) - 8):
            raise ValueError(f"header of {length} bytes")
        header = cast("dict[str, dict[str, Any]]", json.loads(data[8 : 8 + length]))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            start, end = (8 + length + int(offset) for offset in entry["data_offsets"])
            if not 8 + length <= start <= end <= len(data):
                raise ValueError(f"{name} lies outside the file")
            array = np.frombuffer(data[start:end], dtype=_TYPES[entry["dtype"]]).reshape(entry["shape"])
            if entry["dtype"] == "BF16":  # the upper half of single precision
                array = (array.astype("<u4") << 16).view("<f4")
            found[name] = array.astype(np.float64)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"path must be a safetensors file of real numbers, got {str(file)!r} ({error}); save it by "
            "safetensors.torch.save_file(module.state_dict(), path)"
        ) from error
    return found
