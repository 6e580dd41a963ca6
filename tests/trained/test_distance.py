"""Floors, stall errors and solved fractions, against closed forms and other computations."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from linmem.trained import distance, stall


def log_cosh_integral(w: float, b: float, low: float, high: float) -> float:
    """int tanh(w x + b) - x dx over [low, high], w != 0, in closed form."""
    return (np.logaddexp(w * high + b, -w * high - b) - np.logaddexp(w * low + b, -w * low - b)) / w - (
        high**2 - low**2
    ) / 2


def exact_error(w: float, b: float) -> float:
    """int_0^1 |tanh(w x + b) - x| dx: the sign changes by bisection on a grid, the integrals in closed form."""
    grid = np.linspace(0, 1, 2001)
    values = np.tanh(w * grid + b) - grid
    roots = []
    for i in np.nonzero(values[:-1] * values[1:] < 0)[0]:
        low, high = grid[i], grid[i + 1]
        for _ in range(60):
            middle = (low + high) / 2
            same = (np.tanh(w * middle + b) - middle) * (np.tanh(w * low + b) - low) > 0
            low, high = (middle, high) if same else (low, middle)
        roots.append(low)
    ends = [0.0, *roots, 1.0]
    return sum(abs(log_cosh_integral(w, b, low, high)) for low, high in pairwise(ends))


def test_single_cell_floor_is_the_minimum() -> None:
    floor = distance.single_cell_floor()
    # midpoint rule of a function with slope <= |w| + 1 <= 3, kinks included: error <= 3 h^2 per kink, h = 1/20000
    tolerance = 1e-7
    centre, spacing = (1.4, 0.0), (0.03, 0.02)
    for _ in range(3):  # a grid, then two finer ones around its best point, spacing / 10 each
        values = {
            (w, b): exact_error(w, b)
            for w in centre[0] + spacing[0] * np.arange(-20, 21)
            for b in centre[1] + spacing[1] * np.arange(-20, 21)
        }
        centre, best = min(values.items(), key=lambda item: item[1])
        assert best >= floor - tolerance  # no grid point is better
        last, spacing = spacing, (spacing[0] / 10, spacing[1] / 10)
    # |d error / d(w, b)| <= (1/2, 1): the best point of the last grid is within half a cell of the minimum
    assert best <= floor + 0.5 * last[0] / 2 + last[1] / 2 + tolerance
    w, b = centre
    assert 0.8 < w < 2.0
    assert -0.4 < b < 0.4  # the minimum lies inside the box searched


def test_the_threshold_of_one_cell_lies_above_its_floor_and_the_other_below() -> None:
    assert distance.solved_threshold(2) < distance.single_cell_floor() < distance.solved_threshold(1)
    assert distance.solved_threshold(1) < distance.solved_threshold(1, "constant") < 0.25
    with pytest.raises(ValueError, match="schedule must be one of 'linear', 'constant', got 'cosine'"):
        distance.solved_threshold(2, "cosine")


def test_stall_error_of_the_gaussian_residual() -> None:
    assert stall.predicted_stall_error(3, 3) == 0.0
    # no recall at all: the residual is the input, variance 1/12; E|N(0, s^2)| from scipy
    half_normal = stats.halfnorm(scale=np.sqrt(1 / 12)).mean()
    assert stall.predicted_stall_error(1, 2, recall=0.0) == pytest.approx(half_normal, rel=1e-14)


def test_fractions_and_distance() -> None:
    c, p = [2, 2, 2, 2, 2, 3], [1, 1, 2, 2, 3, 1]
    solved = [True, True, True, False, False, False]
    fractions = distance.solved_fractions(c, p, solved)
    assert [fractions[key].value for key in ((2, 1), (2, 2), (2, 3), (3, 1))] == [1.0, 0.5, 0.0, 0.0]
    assert fractions[2, 1].low == pytest.approx(0.025**0.5)  # Clopper-Pearson, 2 of 2
    assert distance.solved_distance(c, p, solved) == {2: 1, 3: 0}
    assert distance.solved_distance(c, p, solved, fraction=0.4) == {2: 2, 3: 0}
    shapes = [(1, cells) for cells in c]
    assert distance.solved_distance(shapes, p, solved) == {(1, 2): 2 - 1, (1, 3): 0}


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="one entry per network, got lengths 1, 2, 1"):
        distance.solved_fractions([1], [1, 2], [True])
    with pytest.raises(ValueError, match=r"fraction must lie in \[0, 1\), got 1.0"):
        distance.solved_distance([1], [1], [True], fraction=1.0)
    with pytest.raises(ValueError, match=r"recall must lie in \[0, 1\], got 1.5"):
        stall.predicted_stall_error(1, 2, recall=1.5)
