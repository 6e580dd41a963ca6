"""Floors, optimal linear recall and solved fractions, against closed forms and other computations."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

from linmem.trained import distance, linear_recall


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


@pytest.mark.parametrize("tau", range(1, 7))
def test_one_state_recall_in_closed_form(tau: int) -> None:
    # B = (z - a)/(1 - a z): sum_{m > tau} b_m^2 = (1 - a^2) a^{2 tau}, greatest at a^2 = tau/(tau + 1)
    assert linear_recall.optimal_linear_recall(1, tau, starts=5) == pytest.approx(
        tau**tau / (tau + 1) ** (tau + 1), abs=1e-9
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 3), st.integers(0, 2), st.integers(0, 2**31))
def test_no_random_linear_network_recalls_better(n: int, extra: int, seed: int) -> None:
    """Squared correlation of the best read-out by a Lyapunov equation, at lags n, n+1, n+2."""
    tau = n + extra
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n))
    A *= rng.uniform(0.3, 0.95) / np.abs(np.linalg.eigvals(A)).max()
    C = rng.normal(size=n)
    G = linalg.solve_discrete_lyapunov(A, np.outer(C, C))
    recalled = np.linalg.matrix_power(A, tau) @ C
    correlation = recalled @ np.linalg.solve(G, recalled)
    # the solve loses cond(G) eps; draws that lose more than half the digits say nothing
    if (loss := np.linalg.cond(G) * np.finfo(float).eps) < 1e-8:
        assert correlation <= OPTIMA[n, tau] + 1e-9 + loss


OPTIMA = {(n, n + k): linear_recall.optimal_linear_recall(n, n + k, starts=8) for n in (2, 3) for k in (0, 1, 2)}


def test_recall_grows_with_states_and_falls_with_lag() -> None:
    assert OPTIMA[2, 2] > OPTIMA[2, 3] > OPTIMA[2, 4]
    assert OPTIMA[2, 3] < OPTIMA[3, 3] < linear_recall.optimal_linear_recall(4, 3) == 1.0
    assert OPTIMA[2, 3] > linear_recall.optimal_linear_recall(1, 3)


def test_stall_error_of_the_gaussian_residual() -> None:
    assert linear_recall.predicted_stall_error(3, 3) == 0.0
    # no recall at all: the residual is the input, variance 1/12; E|N(0, s^2)| from scipy
    half_normal = stats.halfnorm(scale=np.sqrt(1 / 12)).mean()
    assert linear_recall.predicted_stall_error(1, 2, recall=0.0) == pytest.approx(half_normal, rel=1e-14)


def test_fractions_and_distance() -> None:
    c, p = [2, 2, 2, 2, 2, 3], [1, 1, 2, 2, 3, 1]
    solved = [True, True, True, False, False, False]
    fractions = distance.solved_fractions(c, p, solved)
    assert [fractions[key].value for key in ((2, 1), (2, 2), (2, 3), (3, 1))] == [1.0, 0.5, 0.0, 0.0]
    assert fractions[2, 1].low == pytest.approx(0.025**0.5)  # Clopper-Pearson, 2 of 2
    assert distance.memory_distance(c, p, solved) == {2: 1, 3: 0}
    assert distance.memory_distance(c, p, solved, fraction=0.4) == {2: 2, 3: 0}


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="one entry per network, got lengths 1, 2, 1"):
        distance.solved_fractions([1], [1, 2], [True])
    with pytest.raises(ValueError, match=r"fraction must lie in \[0, 1\), got 1.0"):
        distance.memory_distance([1], [1], [True], fraction=1.0)
    with pytest.raises(ValueError, match=r"recall must lie in \[0, 1\], got 1.5"):
        linear_recall.predicted_stall_error(1, 2, recall=1.5)
    with pytest.raises(ValueError, match="lag must be >= 0, got -1"):
        linear_recall.optimal_linear_recall(1, -1)
