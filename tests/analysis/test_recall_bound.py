"""Upper bounds of the best recall: nothing exceeds them, the proof of the closed form holds, the gap is reached."""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import linalg, signal

from linmem.analysis.recall import best_recall, lattice_system
from linmem.analysis.recall_bound import RecallEnclosure, _bound_boxes, certified_best_recall, recall_upper_bound

# MC*_n(tau) for tau = n, n + 1, .., from a search over pole pairs, to three or four digits
KNOWN = {2: (0.4375, 0.301, 0.231), 3: (0.554, 0.414, 0.333), 4: (0.632, 0.497, 0.413), 5: (0.687, 0.560, 0.477)}
GAP = 1e-4
PROVEN = {(n, n + k): certified_best_recall(n, n + k, GAP) for n in (2, 3) for k in range(3)}

coefficients = st.floats(-1, 1) | st.floats(0.2, 1.0)


def impulse_response(reflections: list[float] | np.ndarray, lag: int) -> np.ndarray:
    """b_0 .. b_tau by products with an orthogonal matrix: at most n (tau + 1) 8 eps off, 2e-13 in all tests below."""
    inside = math.nextafter(1.0, 0.0)
    A, B, C, D = lattice_system(np.clip(reflections, -inside, inside))
    found = [D]
    for _ in range(lag):
        found.append(float(C @ B))
        B = A @ B
    return np.array(found)


def filtered_response(reflections: list[float] | np.ndarray, lag: int) -> np.ndarray:
    """The same by the step-up recursion of the denominator and one filter, numerator = denominator reversed."""
    a = np.ones(1)
    for k in reflections:
        a = np.append(a, 0.0) + k * np.append(0.0, a[::-1])
    return np.asarray(signal.lfilter(a[::-1], a, np.eye(1, lag + 1)[0]))


def exact_recall(reflections: list[Fraction], lag: int) -> Fraction:
    """The same with rational numbers: power series division."""
    a = [Fraction(1)]
    for k in reflections:
        a = [x + k * y for x, y in zip([*a, Fraction(0)], [Fraction(0), *a[::-1]], strict=True)]
    b: list[Fraction] = []
    for m in range(lag + 1):
        numerator = a[::-1][m] if m < len(a) else Fraction(0)
        b.append(numerator - sum((a[i] * b[m - i] for i in range(1, min(m, len(a) - 1) + 1)), Fraction(0)))
    return 1 - sum((x * x for x in b), Fraction(0))


@pytest.mark.parametrize("tau", [1, 2, 5, 40])
def test_one_state_has_its_maximum(tau: int) -> None:
    best = tau**tau / (tau + 1) ** (tau + 1)
    assert best <= recall_upper_bound(1, tau) <= best * (1 + 1e-14)
    assert certified_best_recall(1, tau, reflections=[math.sqrt(tau / (tau + 1))]).complete


@settings(max_examples=60)
@given(st.lists(coefficients, min_size=2, max_size=6), st.integers(0, 12))
def test_the_proof_of_the_closed_form_step_by_step(reflections: list[float], extra: int) -> None:
    n = len(reflections)
    tau, N = n + extra, n + extra + 1
    b = impulse_response(reflections, tau)
    T = linalg.toeplitz(b, np.zeros(N))
    D = np.eye(N) - T @ T.T
    eigenvalues = np.linalg.eigvalsh(D)
    loss = 1e-11  # 2 N times that of the response, N <= 19
    assert (eigenvalues[: N - n] < loss).all()
    assert (eigenvalues[: N - n] > -loss).all()
    q = float(b[0] ** 2)
    assert 1 - q + tau * (1 - b @ b) <= np.trace(D) + loss <= n * (1 - q ** (N / n)) + 2 * loss
    assert 1 - b @ b <= recall_upper_bound(n, tau) + loss


@pytest.mark.parametrize(("n", "tau"), [(2, 2), (2, 9), (3, 4), (5, 5), (7, 30)])
def test_the_formula_is_the_maximum_over_the_first_coefficient(n: int, tau: int) -> None:
    q, N = np.logspace(-12, 0, 200_001), tau + 1
    best = ((n * (1 - q ** (N / n)) - (1 - q)) / tau).max()
    # neighbours of the grid differ by 1.4e-4 of q, q <= 1: the concave function loses at most half of that squared
    assert best - 1e-14 <= recall_upper_bound(n, tau) <= best + 1e-8
    assert recall_upper_bound(n, tau) < n / N


def test_bounds_are_ordered() -> None:
    for n in range(1, 8):
        for tau in range(n, 3 * n + 3):
            assert recall_upper_bound(n, tau + 1) < recall_upper_bound(n, tau) < recall_upper_bound(n + 1, tau)
    for (n, tau), found in PROVEN.items():
        assert found.high < recall_upper_bound(n, tau)
        assert found.high <= 1 - found.reflections[-1] ** 2  # the recall of lag 0


@pytest.mark.parametrize(("n", "tau"), [*PROVEN, (4, 4), (4, 5)])
def test_the_known_values_are_enclosed(n: int, tau: int) -> None:
    found = PROVEN.get((n, tau)) or certified_best_recall(n, tau, GAP)
    assert found.complete
    assert found.gap <= GAP * (1 + 1e-9)
    assert found.low - 5e-4 <= KNOWN[n][tau - n] <= found.high + 5e-4  # given to three digits


def test_five_states_stay_below_the_closed_form() -> None:
    for k, value in enumerate(KNOWN[5]):
        assert value < recall_upper_bound(5, 5 + k) < 1.25 * value


def test_two_states_and_two_steps_in_rational_numbers() -> None:
    found = certified_best_recall(2, 2, 1e-6)
    assert exact_recall([Fraction(2, 3), Fraction(1, 2)], 2) == Fraction(7, 16)
    assert Fraction(found.low) <= Fraction(7, 16) <= Fraction(found.high)
    assert found.gap <= 1.1e-6
    assert found.reflections == pytest.approx([2 / 3, 1 / 2], abs=2e-3)  # flat: 1e-6 in recall


@pytest.mark.parametrize(("n", "tau"), list(PROVEN))
def test_the_lower_end_is_attained(n: int, tau: int) -> None:
    found = PROVEN[n, tau]
    exact = exact_recall([Fraction(float(k)) for k in found.reflections], tau)
    assert 0 <= exact - Fraction(found.low) < Fraction(1, 10**13)
    A, B, _, _ = lattice_system(found.reflections)
    assert np.linalg.norm(np.linalg.matrix_power(A, tau) @ B) ** 2 == pytest.approx(found.low, abs=1e-13)


@settings(max_examples=100)
@given(st.sampled_from(sorted(PROVEN)), st.lists(coefficients, min_size=3, max_size=3))
def test_no_all_pass_exceeds_the_proven_bound(which: tuple[int, int], drawn: list[float]) -> None:
    n, tau = which
    b = impulse_response(drawn[:n], tau)
    assert 1 - b @ b <= PROVEN[which].high + 1e-12


@pytest.mark.parametrize(("n", "tau"), list(PROVEN))
def test_no_neighbour_of_the_best_exceeds_the_proven_bound(n: int, tau: int) -> None:
    found, rng = PROVEN[n, tau], np.random.default_rng(3)
    for width in (0.1, 0.03, 0.01, 0.003):
        for _ in range(100):
            b = impulse_response(np.clip(found.reflections + rng.normal(0, width, n), -1, 1), tau)
            assert 1 - b @ b <= found.high + 1e-12


def test_a_grid_over_two_states_lies_within() -> None:
    """Poles on a grid, pairs of real ones and conjugates: all stable real all-passes of degree 2, to 0.01."""
    for tau in (2, 4):
        r = np.linspace(0.005, 0.995, 100)
        first, second = np.meshgrid(np.concatenate([-r, r]), r)
        radius, angle = np.meshgrid(r, np.linspace(0, np.pi / 2, 100))
        total = np.concatenate([(first + second).ravel(), (2 * radius * np.cos(angle)).ravel()])
        product = np.concatenate([(first * second).ravel(), (radius**2).ravel()])
        # B = (z^2 - s z + p)/(1 - s z + p z^2)
        b = [product, -total + total * product]
        b.append(1 + total * b[1] - product * b[0])
        for _ in range(3, tau + 1):
            b.append(total * b[-1] - product * b[-2])
        best = float((1 - np.square(b).sum(axis=0)).max())
        assert PROVEN[2, tau].low - 2e-3 < best <= PROVEN[2, tau].high  # 0.005 off in each of two, curvature < 80


def test_a_bad_start_is_left_behind() -> None:
    """From a delay line, which recalls nothing of that lag: the boxes themselves find the maximum."""
    found = certified_best_recall(3, 3, GAP, reflections=np.zeros(3))
    assert found.complete
    assert found.low > 0.5
    assert abs(found.low - PROVEN[3, 3].low) <= GAP
    assert found.high >= PROVEN[3, 3].low


@settings(max_examples=60)
@given(st.integers(1, 4), st.integers(0, 6), st.integers(0, 2**31), st.floats(1e-6, 0.5), st.booleans())
@example(1, 1, 0, 0.5, True)
def test_a_box_holds_no_point_above_its_bound(n: int, extra: int, seed: int, width: float, corner: bool) -> None:
    rng, tau = np.random.default_rng(seed), n + extra
    centre, half = rng.uniform(-1.5, 1.5, n), width * rng.uniform(0.2, 1.0, n)
    _, upper, recall = _bound_boxes(centre[:, None], half[:, None], tau, -1.0)
    for _ in range(12):
        delta = rng.choice([-1.0, 1.0], n) if corner else rng.uniform(-1, 1, n)
        b = impulse_response(np.sin(centre + delta * half), tau)
        assert 1 - b @ b <= upper[0] + 1e-12
    b = filtered_response(np.sin(centre), tau)
    # the filter's poles may sit at 1 - 1e-3 together: eps times binomial(13, 3) 2^4 a step
    assert recall[0] == pytest.approx(1 - b @ b, abs=1e-10)


def test_the_bound_of_a_box_is_of_third_order() -> None:
    """Along one angle first and second order are exact: what the bound adds to the true maximum falls as h^3."""
    centre, tau = 1.2, 3

    def excess(h: float) -> float:
        upper = _bound_boxes(np.array([[centre]]), np.array([[h]]), tau, -1.0)[1][0]
        angles = np.array([centre - h, centre + h])  # monotone there: cos^2 sin^6 rises up to 1.0472
        return float(upper - (np.cos(angles) ** 2 * np.sin(angles) ** (2 * tau)).max())

    ratios = [excess(h) / excess(h / 2) for h in (0.04, 0.02, 0.01)]
    assert all(7 < ratio < 10 for ratio in ratios)


def test_what_limited_work_proves_still_holds() -> None:
    found: list[RecallEnclosure] = [certified_best_recall(3, 4, GAP, boxes=boxes) for boxes in (0, 50, 1000, 4000)]
    assert [f.complete for f in found] == [False, False, False, True]
    assert found[0].high == recall_upper_bound(3, 4)
    assert found[0].boxes == 0
    assert found[1].boxes == 50
    assert all(f.high >= PROVEN[3, 4].low for f in found)
    assert all(a.high >= b.high for a, b in itertools.pairwise(found))


def test_a_delay_line_needs_no_proof() -> None:
    found = certified_best_recall(4, 3)
    assert (found.low, found.high, found.boxes, found.complete) == (1.0, 1.0, 0, True)


def test_the_best_recall_carries_the_proof() -> None:
    for n, tau in ((2, 2), (2, 12), (3, 5)):
        best = best_recall(n, tau, starts=4)
        assert best.recall <= best.upper <= best.recall + GAP * (1 + 1e-6)
    assert best_recall(5, 6, starts=4).upper == recall_upper_bound(5, 6)


def test_mpmath_agrees_with_the_closed_form() -> None:
    with mpmath.workdps(40):
        for n, tau in ((2, 2), (4, 9), (6, 60)):
            N = mpmath.mpf(tau + 1)
            value = (n - 1 + (1 - n / N) * N ** (-mpmath.mpf(n) / (N - n))) / tau
            assert value <= recall_upper_bound(n, tau) <= value * (1 + mpmath.mpf(10) ** -14)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="state_size must be >= 1"):
        recall_upper_bound(0, 1)
    with pytest.raises(ValueError, match="gap must be > 0"):
        certified_best_recall(2, 2, 0.0)
    with pytest.raises(ValueError, match=r"reflections must lie in \[-1, 1\]"):
        certified_best_recall(2, 2, reflections=[0.5, 1.5])
    with pytest.raises(ValueError, match="reflections must have shape"):
        certified_best_recall(2, 2, reflections=[0.5])
