"""What a training run is watched for: a displacement of the parameters, a drop of the loss; and when it happened."""

from __future__ import annotations

import math
from dataclasses import dataclass

from linmem.checks import check_positive

ACCURACY = 1e-2  # a hitting time or an energy balance that is relatively less certain than this is refused


class FlowAccuracyError(RuntimeError):
    """The integration could not keep its accuracy; the message says where it stopped and what to change."""


@dataclass(frozen=True)
class Displacement:
    """Event: |theta(t) - theta(0)| reaches `delta` (Euclidean norm over all amplitudes and rates)."""

    delta: float

    def __post_init__(self) -> None:
        check_positive("delta", self.delta)


@dataclass(frozen=True)
class LossDrop:
    """Event: J(theta(0)) - J(theta(t)) reaches `fraction` * J(theta(0)), 0 < fraction < 1."""

    fraction: float

    def __post_init__(self) -> None:
        if check_positive("fraction", self.fraction) >= 1:
            raise ValueError(f"fraction must be < 1, got {self.fraction!r}; pass a share of the initial loss")


@dataclass(frozen=True)
class HittingTime:
    """When an event happened: `time` +- `error`.

    time is inf and `reached` False if it did not happen before the run ended. A time beyond the doubles is inf with
    `reached` True; `log_time` +- `log_error` then still hold its natural logarithm (computed from time and error when
    they are left out).
    """

    event: Displacement | LossDrop
    time: float
    error: float
    reached: bool
    log_time: float = math.nan
    log_error: float = math.nan

    def __post_init__(self) -> None:
        if math.isnan(self.log_time):
            object.__setattr__(self, "log_time", math.log(self.time) if self.time > 0 else -math.inf)
        if math.isnan(self.log_error):
            relative = self.error / self.time if 0 < self.time < math.inf else 0.0
            object.__setattr__(self, "log_error", relative)


def hitting_time(event: Displacement | LossDrop, coarse: float, fine: float) -> HittingTime:
    """The time of the finer of two runs, with their difference as its error; FlowAccuracyError above 1 % of it.

    >>> hitting_time(Displacement(0.1), 10.01, 10.0).error < 0.011
    True
    """
    if math.isinf(coarse) and math.isinf(fine):
        return HittingTime(event, math.inf, 0.0, reached=False)
    error = abs(coarse - fine)
    if not error <= ACCURACY * fine:
        raise FlowAccuracyError(
            f"{event} is met at {coarse:.6g} with the coarse tolerance and at {fine:.6g} with the fine one; "
            "lower relative_tolerance"
        )
    return HittingTime(event, fine, error, reached=True)
