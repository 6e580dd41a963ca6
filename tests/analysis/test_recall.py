"""The best recall of one lag: the filter attains it, its error is exact, no other filter does better."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from linmem.analysis.error_law import mean_absolute_error
from linmem.analysis.recall import (
    best_recall,
    lattice_system,
    least_error_filter,
    recall_table,
    recall_upper_bound,
)
from linmem.capacity import exact_curve
from linmem.capacity.linear.optimal import optimal_linear_recall

# MC*_n(tau) for tau = n, n + 1, .., four digits, from a search over pole pairs with its own all-pass coefficients
KNOWN = {1: (0.25, 0.148, 0.106), 2: (0.4375, 0.301, 0.231), 3: (0.554, 0.414, 0.333), 5: (0.687, 0.560, 0.477)}


@pytest.mark.parametrize("n", sorted(KNOWN))
def test_the_table_of_recalls(n: int) -> None:
    for k, value in enumerate(KNOWN[n]):
        assert optimal_linear_recall(n, n + k) == pytest.approx(value, abs=6e-4)  # given to three digits


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.95, 0.95), min_size=1, max_size=6))
def test_the_lattice_is_orthogonal_and_all_pass(reflections: list[float]) -> None:
    A, B, C, D = lattice_system(reflections)
    n = len(reflections)
    whole = np.block([[A, B[:, None]], [C[None, :], np.array([[D]])]])
    assert np.allclose(whole @ whole.T, np.eye(n + 1), atol=1e-13)
    z = np.exp(0.7j)  # anywhere on the circle
    assert abs(D + C @ np.linalg.solve(np.eye(n) / z - A, B)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("n", "tau"), [(1, 1), (2, 3), (4, 4), (5, 7), (3, 1)])
def test_the_filter_attains_the_recall(n: int, tau: int) -> None:
    """By the exact memory curve of its (A, B), and by its taps: squared correlation ``w_tau^2 / sum w^2``."""
    best = best_recall(n, tau)
    assert exact_curve(best.A, best.B, tau).values[tau] == pytest.approx(best.recall, abs=1e-12)
    energy = float(best.taps @ best.taps)
    assert best.tail_energy < 1e-25
    assert best.taps[tau] == pytest.approx(best.recall, abs=1e-12)
    assert energy == pytest.approx(best.recall, abs=1e-12)
    assert best.recall <= best.upper + 1e-12


def test_a_delay_line_makes_no_error() -> None:
    best = best_recall(4, 3)
    assert best.recall == 1.0
    assert best.tail_energy == 0.0
    assert best.error.value == 0.0 == best.gaussian_error
    assert np.array_equal(best.taps, [0, 0, 0, 1])
    with pytest.raises(ValueError, match="a delay line makes no error"):
        least_error_filter(best)


def test_the_bound_holds_for_random_networks() -> None:
    rng = np.random.default_rng(5)
    for n in (1, 2, 3, 5):
        for _ in range(20):
            A = rng.normal(size=(n, n))
            A *= rng.uniform(0.5, 0.99) / np.abs(np.linalg.eigvals(A)).max()
            curve = exact_curve(A, rng.normal(size=n), 12)
            bounds = np.array([recall_upper_bound(n, tau) for tau in range(13)])
            assert (curve.low <= bounds).all()


def _simulated(weights: np.ndarray, law: str, rng: np.random.Generator) -> tuple[float, float]:
    shape = (200_000, len(weights))
    draws = {
        "uniform01": lambda: rng.random(shape) - 0.5,
        "rademacher": lambda: rng.choice([-1.0, 1.0], shape),
        "normal": lambda: rng.standard_normal(shape),
    }
    found = np.abs(draws[law]() @ weights)
    return float(found.mean()), float(found.std() / math.sqrt(shape[0]))


@pytest.mark.parametrize("law", ["uniform01", "normal", "rademacher"])
def test_mean_absolute_error_against_simulation(law: str) -> None:
    rng = np.random.default_rng(1)
    for weights in (np.array([1.0, -0.5, 0.25]), rng.standard_normal(6), 0.7 ** np.arange(8.0)):
        exact = mean_absolute_error(weights, law)
        mean, error = _simulated(weights, law, rng)
        assert abs(exact.value - mean) < 5 * error + exact.margin  # false alarm in 1 of 2e6


def test_mean_absolute_error_in_closed_form() -> None:
    # two uniform numbers a > b: E|a u + b v| = a/4 + b^2/(12 a); Irwin-Hall for four equal weights
    for a, b in ((1.0, 1.0), (1.0, 0.3), (2.0, 1.9)):
        exact = mean_absolute_error([b, a])
        assert exact.value == pytest.approx(a / 4 + b * b / (12 * a), abs=exact.margin + 1e-15)
        assert exact.margin < 1e-8
    density = stats.irwinhall(4).pdf
    mean = 2 * integrate.quad(lambda x: (x - 2) * density(x), 2, 4, epsabs=1e-13)[0]
    assert mean_absolute_error([1.0] * 4).value == pytest.approx(mean, abs=1e-12)
    # all signs of five weights
    w = np.array([1.0, 0.7, -0.4, 0.2, 0.11])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1)
    exact = mean_absolute_error(w, "rademacher")
    assert abs(exact.value - np.abs(w @ signs).mean()) <= exact.margin


def test_what_is_left_out_is_covered() -> None:
    w = 0.8 ** np.arange(60.0)
    whole, part = mean_absolute_error(w), mean_absolute_error(w[:8], tail_energy=float(w[8:] @ w[8:]))
    assert part.low <= whole.value <= part.high
    assert part.value < whole.value  # more independent terms, more error (Jensen)


def test_one_state_by_an_integral_of_the_characteristic_function() -> None:
    """n = 1, tau = 1: poles a^2 = 1/2, taps ``(1 - a^2) a^(k+1)``; E|X| = (2/pi) int (1 - phi)/t^2."""
    a = math.sqrt(0.5)
    taps = 0.5 * a ** (np.arange(60.0) + 1)
    weights = np.eye(1, 60, 1)[0] - taps

    def integrand(t: float) -> float:
        return (1 - float(np.sinc(weights * t / (2 * np.pi)).prod())) / t**2

    body = integrate.quad(integrand, 0, 400, limit=2000, epsabs=1e-12)[0]
    # beyond 400 phi is below prod 2/(|r_k| t) < 1e-7: the rest is 1/400, up to 1e-7/400
    assert best_recall(1, 1).error.value == pytest.approx(2 / math.pi * (body + 1 / 400), abs=1e-9)


def test_the_least_error_is_below_and_close_to_the_scaled_one() -> None:
    for n in (1, 2):
        best = best_recall(n, n)
        least = least_error_filter(best)
        assert least.error.low <= best.scaled_error.high < best.error.low
        assert least.error.value > best.scaled_error.value - 2e-4
        assert least.correlation <= best.recall + 1e-9


def test_normal_inputs_need_no_scaling() -> None:
    best = best_recall(2, 3, "normal")
    assert best.scale == 1.0
    assert best.error.value == pytest.approx(math.sqrt(2 / math.pi * (1 - best.recall)), abs=1e-12)
    assert best.error.value == pytest.approx(best.gaussian_error, abs=1e-12)


def test_the_table() -> None:
    table = recall_table(2, extra=2, starts=4)
    assert list(table["position"]) == [2, 3, 3, 4]
    # of one input law the constant answer is the worst
    assert ((table["scaled_error"] <= table["error"]) & (table["error"] < 0.25)).all()
    assert (table["recall"] <= table["upper"] + 1e-12).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="law must be one of"):
        best_recall(2, 2, "uniform")
    with pytest.raises(ValueError, match=r"reflections must lie in \(-1, 1\)"):
        lattice_system([1.0])
    with pytest.raises(ValueError, match="at least one number"):
        mean_absolute_error([])
