"""Tables of memory reports of several networks: the rows of a series, a single number, and whether two tables agree.

A table has the columns ``network``, ``panel``, ``series``, ``x``, ``y``, ``low`` and ``high`` (ends of the interval,
NaN without one). Panels and their series: "facts" ("state_size", "threshold", keys of rows of the report such as
"distance.own"; x is 0), "memory" ("measured", "linearised"; x is the lag), "errors" ("own", "fitted"; x is the
position), "kernel" ("weight", "fitted"; x is the lag), "spectrum" ("eigenvalue"; x and y its real and imaginary part)
and "degrees" ("shown", "other"; x is the degree, 0 for the sum of all).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    import pandas as pd

EXACT = 0.02  # for networks that are not trained
CAPACITIES = 1 / 4  # of n


def part(rows: pd.DataFrame, panel: str, series: str | None = None) -> pd.DataFrame:
    """Rows of a series, or of a whole panel, in the order of x."""
    found = rows[rows["panel"] == panel]
    return (found if series is None else found[found["series"] == series]).sort_values("x", kind="stable")


def fact(rows: pd.DataFrame, key: str) -> float:
    """A number of one network; NaN if it was not measured.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"panel": ["facts"], "series": ["state_size"], "x": [0.0], "y": [5.0]})
    >>> fact(rows, "state_size"), fact(rows, "distance.own")
    (5.0, nan)
    """
    found = part(rows, "facts", key)["y"].to_numpy()
    return float(found[0]) if len(found) else float("nan")


def reports_agree(shipped: pd.DataFrame, fresh: pd.DataFrame, position: int, trained: Collection[str]) -> bool:
    """Whether two tables show the same networks, as far as processors agree.

    Networks that are not trained agree in every number, up to 0.02. Training magnifies rounding, so that another
    processor may well find another solution of the task. What all solutions share is then compared: size, threshold,
    the errors up to the position of the task (up to the threshold), distances (up to one position), the lag at which
    the kernel peaks and its weight there (up to 1/4), eigenvalues in the unit disc; and, up to n/4, the sum of all
    differences of a memory curve and the capacity at each degree, of the network shown and in the median of the others.
    (Eight LSTMs of n = 10 trained on position 5 differ by up to 0.21 n at a degree.)

    Parameters
    ----------
    shipped, fresh : the tables.
    position : that the networks recall.
    trained : networks that are trained.
    """
    names = set(fresh["network"])
    if list(shipped.columns) != list(fresh.columns) or set(shipped["network"]) != names:
        return False
    for name in names:
        one, two = (table[table["network"] == name] for table in (shipped, fresh))
        if not (_same_behaviour(one, two, position) if name in trained else _same_numbers(one, two)):
            return False
    return True


def _radii(rows: pd.DataFrame) -> Float[np.ndarray, "n"]:
    """Sizes of the eigenvalues, in order."""
    found = part(rows, "spectrum")
    return np.sort(np.hypot(found["x"].to_numpy(), found["y"].to_numpy()))


def _same_numbers(one: pd.DataFrame, two: pd.DataFrame) -> bool:
    """Whether all rows agree; eigenvalues by size, in whatever order."""
    labels, values = ["panel", "series", "x"], ["y", "low", "high"]
    rest = [table[table["panel"] != "spectrum"].reset_index(drop=True) for table in (one, two)]
    if len(one) != len(two) or len(rest[0]) != len(rest[1]) or not (rest[0][labels] == rest[1][labels]).all(axis=None):
        return False
    pairs = [(_radii(one), _radii(two)), (rest[0][values].to_numpy(), rest[1][values].to_numpy())]
    return all(np.allclose(a, b, rtol=0.0, atol=EXACT, equal_nan=True) for a, b in pairs)


def _same_behaviour(one: pd.DataFrame, two: pd.DataFrame, position: int) -> bool:
    """Whether two trained networks have the same size, distances and errors, and similar capacities."""
    n, threshold = fact(one, "state_size"), fact(one, "threshold")
    largest = max(_radii(one)[-1], _radii(two)[-1])
    if n != fact(two, "state_size") or threshold != fact(two, "threshold") or not largest < 1.0:
        return False
    kernels = [part(rows, "kernel", "weight")[["x", "y"]].to_numpy() for rows in (one, two)]
    peaks = [kernel[kernel[:, 1].argmax()] for kernel in kernels]
    if peaks[0][0] != peaks[1][0] or abs(peaks[0][1] - peaks[1][1]) > 0.25:
        return False
    medians = [part(rows, "degrees", "other").groupby("x")["y"].median() for rows in (one, two)]
    if not medians[0].sub(medians[1]).abs().le(CAPACITIES * n).all():
        return False
    limits = {
        ("facts", "distance.own"): 1.0,
        ("facts", "distance.fitted"): 1.0,
        ("facts", "capacity.total"): CAPACITIES * n,
        ("facts", "capacity.information"): CAPACITIES * n,
        ("memory", "measured"): CAPACITIES * n,
        ("memory", "linearised"): CAPACITIES * n,
        ("errors", "fitted"): threshold,
        ("errors", "own"): threshold,
        ("degrees", "shown"): CAPACITIES * n,
    }
    for (panel, series), limit in limits.items():
        a, b = part(one, panel, series), part(two, panel, series)
        if a["x"].tolist() != b["x"].tolist():
            return False
        apart = np.abs(a["y"].to_numpy() - b["y"].to_numpy())
        size = apart.sum() if panel == "memory" else apart[: position if panel == "errors" else None].max(initial=0.0)
        if not size <= limit:
            return False
    return True
