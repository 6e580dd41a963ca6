"""A report in sentences: how far back, how much, what limits it, and what could not be measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from linmem.analysis.record import Row

_FULL = 0.9  # share of the bound at which the state counts as used up
_UNIT = {"uniform01": "independent uniform numbers on [0, 1]", "normal": "independent normal numbers",
         "rademacher": "independent random signs", "array": "the series that was passed"}  # fmt: skip


def plain(value: float | None) -> str:
    """A number for reading: whole numbers as such, others to three or four digits.

    >>> plain(128.0), plain(12.3456), plain(0.000123456), plain(None)
    ('128', '12.35', '0.000123', '')
    """
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}" if abs(value) >= 1 else f"{value:.3g}"


def describe(facts: Mapping[str, Any], rows: Iterable[Row]) -> tuple[str, ...]:
    """The sentences of a report.

    Parameters
    ----------
    facts, rows : as in :class:`~linmem.analysis.record.Record`.
    """
    table = {row.key: row for row in rows}
    parts = (_network(facts), _distance(facts, table), _capacity(facts, table), _limits(facts, table), _fading(table),
             _structured(facts, table), _broken(table.values()))  # fmt: skip
    return tuple(part for part in parts if part)


def _value(table: Mapping[str, Row], key: str) -> float | None:
    return table[key].value if key in table else None


def _network(facts: Mapping[str, Any]) -> str:
    n, layers, cells, d = facts["state_size"], facts["layers"], facts["cells"], facts["input_size"]
    shape = ""
    if layers and cells:
        late = " that read each other one step late" if layers > 1 and facts["links"] == "delayed" else ""
        shape = f" ({layers} layer{'s' if layers > 1 else ''} of {cells} cells{late})"
    many = "" if d == 1 else f" and reads {d} inputs"
    return f"The network carries n = {n:,} number{'s' if n > 1 else ''} from step to step{shape}{many}."


def _distance(facts: Mapping[str, Any], table: Mapping[str, Row]) -> str:
    d = facts["input_size"]
    names = ["distance.fitted"] if d == 1 else [f"distance.fitted[{i}]" for i in range(d)]
    values = [_value(table, name) for name in names]
    if any(value is None for value in values):
        return ""
    held = [int(value) for value in values if value is not None]
    what = _UNIT[facts["inputs"]]
    eps = plain(facts["threshold"])
    if d == 1:
        D = held[0]
        reach = f"the last {D} inputs" if D > 1 else "the newest input only" if D else "not even the newest input"
        text = (
            f"Driven with {what}, its state holds {reach} to within {eps} (mean absolute error, best linear read-out)."
        )
        own = table.get("distance.own")
        if own is not None and own.value is not None:
            text += (
                f" Its own answer gives back position {plain(own.value)}."
                if own.value
                else f" Its own answer gives back none of them ({own.note})."
            )
        return text
    each = ", ".join(str(D) for D in held)
    return f"Driven with {what}, its state holds the last {each} numbers of its inputs to within {eps}, input by input."


def _capacity(facts: Mapping[str, Any], table: Mapping[str, Row]) -> str:
    total = table.get("capacity.total")
    if total is None or total.value is None:
        return ""
    n = facts["state_size"]
    text = f"In all, a linear read-out finds the equivalent of {total.value:.3g} past inputs in it"
    text += f", of at most {n:,}" if total.bound is not None else ""
    noisy = _value(table, "capacity.noisy")
    if noisy is not None and noisy < total.value - 0.05:
        text += f"; {max(noisy, 0.0):.3g} are left with noise of 1 % on the state"
    nonlinear = _value(table, "capacity.nonlinear")
    if nonlinear is not None and nonlinear > 0.01 * n:
        text += f". Another {nonlinear:.3g} go to products and powers of inputs"
    return text + "."


def _limits(facts: Mapping[str, Any], table: Mapping[str, Row]) -> str:
    n, reach = facts["state_size"], _value(table, "distance.fitted")
    total, rank = _value(table, "capacity.total"), _value(table, "state.rank")
    past = _value(table, "state.forgetting")
    if past is not None and past > 1e-3:
        return (
            "It does not forget how it was started: two pasts leave different states long after, so that every number "
            "here depends on the start. Measure it on sequences of the length it is used on."
        )
    if total is None or table["capacity.total"].bound is None:
        return ""
    information = max(total, _value(table, "capacity.information") or 0.0)
    if total >= _FULL * n and reach is not None and reach < _FULL * n:
        return (
            f"What limits it is how the memory is spread: the state is used up, but on parts of many old inputs. "
            f"A delay line of the same size holds the last {n:,} exactly."
        )
    if total >= _FULL * n:
        return "What limits it is its size: the state is used up, and more memory needs more state variables."
    if rank is not None and rank < _FULL * n:
        return (
            f"What limits it: this input moves the state in {plain(rank)} of {n:,} directions only; the rest is idle."
        )
    if information >= _FULL * n:
        return "What limits it: the state is used up, partly by nonlinear functions of the inputs."
    radius, effective = _value(table, "kernel.radius"), _value(table, "state.effective")
    text = "What limits it is not its size but its use"
    if information - total > total:
        text += ": most of what it holds is mixed into products and powers of inputs"
    elif effective is not None and effective < 0.5 * n:
        text += f": most of its motion is along {max(1, round(effective))} of {n:,} directions"
    if radius is not None and radius < 1:
        text += f"; near rest its slowest mode shrinks by the factor {radius:.3g} a step"
    return text + "."


def _fading(table: Mapping[str, Row]) -> str:
    decay, radius = table.get("kernel.decay"), _value(table, "kernel.radius")
    if radius is not None and radius >= 1:
        return "Linearised at rest it is unstable: whatever bounds its states, a linear theory does not see it."
    if decay is None or decay.value is None:
        return ""
    note = decay.note.split(", better")[0]
    whose = "its answer" if _value(table, "distance.own") is not None else "its state"
    if note.startswith("finite"):
        return f"Near rest {whose} gives weight to the last {plain(decay.value)} inputs only."
    if note.startswith("power law"):
        return f"Near rest the weight of an input in {whose} falls with its age k as a {note}."
    return f"Near rest the weight of an input in {whose} falls {note}."


def _structured(facts: Mapping[str, Any], table: Mapping[str, Row]) -> str:
    found, unaided = table.get("structured.sparse"), _value(table, "structured.any")
    if found is None or found.value is None or unaided is None or found.value <= unaided:
        return ""
    note, most = found.note.split(";")[0], facts["state_size"] // facts["input_size"]
    text = f"One state of the linearisation determines sequences of up to {plain(found.value)} inputs {note}"
    text += f"; without structure {plain(unaided)}" if unaided else "; without structure none"
    return text + (f", under the same noise (at most {most:,} in principle)." if unaided < most else " at most.")


def _broken(rows: Iterable[Row]) -> str:
    broken = [row for row in rows if row.violated]
    if not broken:
        return ""
    names = ", ".join(row.quantity for row in broken)
    return (
        f"A bound of the theory is violated ({names}): the network holds memory outside the state that was declared, "
        "or the input is not what was said."
    )
