"""What a report measures, and how much work it puts in: shared by all of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linmem.analysis.drive import Drive
from linmem.analysis.record import Row
from linmem.checks import check_choice

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from linmem.analysis.drive import Sample
    from linmem.analysis.linear import Linearisation
    from linmem.analysis.model import StateModel


@dataclass(frozen=True)
class Budget:
    """Work that a report puts in.

    Attributes
    ----------
    rows : states that are measured.
    flops : multiplications allowed for the functions of the information-processing capacity.
    degree : largest degree of these functions.
    information_states : largest network whose information-processing capacity is measured.
    structured_states : largest network whose structured recovery is measured.
    training_states : largest network whose training is predicted.
    noisy_states : largest network whose memory capacity with noise is measured.
    trials : sequences for each horizon of the structured recovery.
    """

    rows: int
    flops: float
    degree: int
    information_states: int
    structured_states: int
    training_states: int
    noisy_states: int
    trials: int


BUDGETS = {
    "quick": Budget(20_000, 1e10, 3, 256, 256, 6, 512, 8),
    "full": Budget(100_000, 4e11, 4, 512, 512, 10, 2000, 24),
}


def budget_of(name: str) -> Budget:
    """The budget of that name, "quick" or "full".

    >>> budget_of("quick").rows
    20000
    """
    return BUDGETS[check_choice("budget", name, BUDGETS)]


@dataclass(frozen=True, eq=False)
class Setting:
    """One network, driven by one series.

    Attributes
    ----------
    model : the network.
    sample : its states on the series.
    linear : its linearisation at the mean of the input; None if there is none.
    refusal : why there is none.
    threshold : mean absolute error below which an input counts as recalled.
    budget, level : work, and confidence of the intervals.
    rng : of everything that is drawn after the series.
    """

    model: StateModel
    sample: Sample
    linear: Linearisation | None
    refusal: str
    threshold: float
    budget: Budget
    level: float
    rng: np.random.Generator

    @property
    def drive(self) -> Drive:
        """The input."""
        return self.sample.drive

    @property
    def channels(self) -> Sequence[int | None]:
        """Inputs that get rows of their own: (None,) for a single one."""
        d = self.model.input_size
        return (None,) if d == 1 else tuple(range(d))

    @property
    def max_lag(self) -> int:
        """Largest lag that is measured."""
        return longest_lag(self.model.state_size, self.budget)


@dataclass(frozen=True, eq=False)
class Found:
    """What one part of a report found."""

    rows: tuple[Row, ...]
    tables: dict[str, pd.DataFrame]


def longest_lag(states: int, budget: Budget) -> int:
    """Twice the states plus ten, as far as the series is long enough for 20 blocks of such lags."""
    return min(2 * states + 10, budget.rows // 25)
