"""What a run found: verdict of the claim and of each control, and whether the run is green."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linmem.claims.claim import EXPECTED, Claim
from linmem.claims.evidence import Evidence, Measurement, Scale, Verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check: of a claim (``description`` empty) or of one of its controls."""

    description: str
    verdict: Verdict
    evidence: Evidence | None
    error: str
    wall_seconds: float
    cpu_seconds: float

    @property
    def measurements(self) -> Sequence[Measurement]:
        """The measurements, none if the check ended in an error."""
        return self.evidence.measurements if self.evidence else ()

    def to_frame(self) -> pd.DataFrame:
        """The measurements as a data frame: name, value, low, high, relation, bound, unit, level, n, verdict."""
        import pandas as pd

        columns = ["name", "value", "low", "high", "relation", "bound", "unit", "level", "n"]
        rows = [[*(getattr(m, column) for column in columns), m.verdict.value] for m in self.measurements]
        return pd.DataFrame(rows, columns=[*columns, "verdict"])


ControlResult = CheckResult


@dataclass(frozen=True)
class Result:
    """Outcome of one claim with its controls."""

    claim: Claim
    scale: Scale
    seed: int
    check: CheckResult
    controls: Sequence[ControlResult]

    @property
    def evidence(self) -> Evidence:
        """The claim's evidence; ``RuntimeError`` with the traceback if the check ended in an error."""
        if self.check.evidence is None:
            raise RuntimeError(f"{self.claim.id} has no evidence:\n{self.check.error}")
        return self.check.evidence

    @property
    def verdict(self) -> Verdict:
        """The computed verdict of the claim."""
        return self.check.verdict

    @property
    def expected(self) -> str:
        """The verdict that linmem expects: "holds", "holds with assumption" or "fails"."""
        return self.claim.expected

    @property
    def as_expected(self) -> bool:
        """Green: the verdict is the expected one and every control came out as failed."""
        return not self.problems

    @property
    def problems(self) -> list[str]:
        """What keeps the result from being green, a line each."""
        found: list[str] = []
        if self.verdict is not EXPECTED[self.expected]:
            found.append(f"the verdict is {self.verdict}, expected: {self.expected}{_tail(self.check)}")
        for control in self.controls:
            if control.verdict is not Verdict.FAILS:
                found.append(
                    f"the control {control.description!r} came out as {control.verdict}, it must fail{_tail(control)}"
                )
        return found

    def to_frame(self) -> pd.DataFrame:
        """The claim's measurements as a data frame."""
        return self.check.to_frame()

    def __str__(self) -> str:
        state = "as expected" if self.as_expected else "NOT as expected: " + "; ".join(self.problems)
        lines = [f"{self.claim.id} ({self.scale} scale, seed {self.seed}): {self.verdict}, {state}"]
        for m in self.check.measurements:
            lines.append(
                f"  {m.verdict:12} {m.name}: {m.value:.6g} in [{m.low:.6g}, {m.high:.6g}] {m.relation} {m.bound}"
            )
        return "\n".join(lines)


def _tail(check: CheckResult) -> str:
    last = check.error.strip().splitlines()[-1:]
    return f" ({last[0]})" if last else ""
