"""Claims written to files by tests: each snippet is one claim with one control."""

import re

HEADER = """\
import os
import numpy as np
import pandas as pd
from linmem.claims import Evidence, Measurement, claim
from linmem.statistics import mean_interval
"""


def snippet(
    id: str,
    measurement: str = 'Measurement("error", 1.0, "<", 2.0)',
    control: str | None = 'Measurement("error", 3.0, "<", 2.0)',
    kind: str = "numerical",
    before: str = "",
    more: str = "",
    **options: object,
) -> str:
    """Source text of a claim; ``control=None`` leaves the control out, ``before`` runs first in the check.

    ``more`` are further arguments of Evidence.
    """
    name = re.sub(r"\W", "_", id)
    settings = {"source": "linmem", "locator": "Section 1", "kind": kind, "statement": "$a < b$ and words"} | options
    arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    text = f"\n@claim({id!r}, {arguments})\ndef {name}(scale, rng):\n"
    text += f"    {before or 'pass'}\n    return Evidence([{measurement}]{more})\n"
    if control is not None:
        text += f"\n@{name}.control('a broken premise')\ndef {name}_control(scale, rng):\n"
        text += f"    return Evidence([{control}])\n"
    return text
