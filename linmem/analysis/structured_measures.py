"""What a report says about structured inputs: how long a sequence one state of the linearisation determines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from linmem.analysis.catalogue import row
from linmem.analysis.record import Row
from linmem.analysis.setting import Found, Setting

if TYPE_CHECKING:
    from linmem.analysis.structured import StructuredRecall

_HORIZON = 6  # longest structured sequence, in multiples of what is possible without structure
_SINGULAR = 1e16  # condition numbers that double precision cannot tell from infinity


def measure_structured(setting: Setting) -> Found:
    """Longest sparse sequence, and sequence of tones, that one state of the linearisation determines."""
    lin, budget = setting.linear, setting.budget
    keys = ("structured.sparse", "structured.any", "structured.tones")
    n, d = setting.model.state_size, setting.model.input_size
    reason = setting.refusal if lin is None else ""
    if lin is not None and lin.radius >= 1:
        reason = "the linearisation is unstable"
    elif n > budget.structured_states:
        reason = f"skipped above {budget.structured_states} states at this budget: too slow"
    if lin is None or reason:
        return Found(tuple(row(key, note=reason) for key in keys), {})
    from linmem.analysis.structured import structured_recall

    rows: list[Row] = []
    tables: list[pd.DataFrame] = []
    for key, kind, words in zip(keys[::2], ("sparse", "joint tones"), ("non-zero numbers", "tones"), strict=True):
        found = structured_recall(
            lin.A,
            lin.B,
            kind,
            trials=budget.trials,
            longest=_HORIZON * max(1, n // d),
            level=setting.level,
            rng=setting.rng,
        )
        tables.append(
            pd.DataFrame(
                {
                    "structure": f"{found.sparsity} {words if found.sparsity > 1 else words[:-1]}",
                    "horizon": [t.steps for t in found.trials],
                    "success": [t.share.value for t in found.trials],
                    "low": [t.share.low for t in found.trials],
                    "high": [t.share.high for t in found.trials],
                }
            )
        )
        words = words if found.sparsity > 1 else words[:-1]
        note = (
            f"with {found.sparsity} {words}; without structure at most {n // d}; from a Gaussian map {found.predicted}"
        )
        note += "; the search ended there" if found.capped else ""
        note += _conditioned(found) if found.horizon < n // d else ""
        rows.append(row(key, found.horizon, error=f"at least half of {budget.trials} trials succeed", note=note))
        if key == keys[0]:
            how = f"best linear estimate of white input; noise of {100 * found.noise:.3g} % on the state"
            rows.append(row(keys[1], found.linear, bound=n // d, error=how, note=_same_error(found)))
    return Found(tuple(rows), {"structured": pd.concat(tables, ignore_index=True)})


def _same_error(found: StructuredRecall) -> str:
    return f"relative squared error at most {found.threshold:.3g}, as for the sparse inputs and the tones"


def _conditioned(found: StructuredRecall) -> str:
    """What the map is like, where structure does not carry inputs to n / d steps."""
    condition, coherence = found.columns.condition, found.columns.coherence
    size = "above 1e16" if condition > _SINGULAR else f"{condition:.2g}" if condition < 100 else f"{condition:.0e}"
    near = f"{coherence:.2g}" if coherence < 0.995 else f"1 - {1 - coherence:.1g}"
    text = (
        f"; less than {found.unstructured}: the unrolled map of so many steps has condition number {size}, "
        f"its columns coherence {near} (1 and 0 if each input left a trace of its own)"
    )
    if found.linear > found.horizon:
        text += (
            f"; the best linear estimate reaches {found.linear}: the LASSO's penalty costs more than structure saves"
        )
    return text
