"""Perturbation error: random perturbations from below, exact worst cases, closed forms, bounds for every network."""

import math

import numpy as np
import pytest
import scipy.linalg
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize

from linmem.continuous.network import LinearRNN
from linmem.continuous.stability import (
    change_bound,
    decay_bounds,
    exponential_memory,
    instability_bound,
    largest_change,
    perturbation_error,
    rate_parameterisation,
    remaining_memory,
    sampled_changes,
)
from linmem.continuous.stability.change import WEIGHTS, rate_change
from linmem.kernels import Airy, ExponentialSum, PowerLaw

EPS = np.finfo(float).eps
RATES = ("direct", "exp", "softplus")
FORWARD = {"direct": lambda v: v, "exp": np.exp, "softplus": lambda v: np.logaddexp(0.0, v)}
INVERSE = {"direct": lambda w: w, "exp": np.log, "softplus": lambda w: np.log(np.expm1(w))}

networks = st.integers(1, 4).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0.1, 3), min_size=n, max_size=n), st.lists(st.floats(0.3, 4), min_size=n, max_size=n)
    )
)


@pytest.mark.parametrize("name", RATES)
@given(st.floats(1e-3, 50), st.floats(-2, 2))
def test_parameterisations_are_the_formulas(name, w, change):
    moved = rate_parameterisation(name).shifted(arb(w), arb(change))
    plain = FORWARD[name](INVERSE[name](w) + change)
    if plain > 1e-3:  # away from the edge of stability; v = log(e^w - 1) loses eps/w of relative accuracy at small w
        assert float(moved) == pytest.approx(plain, rel=8 * EPS * (1 + 1 / w) * (1 + abs(change)) * 10)
    elif plain <= 0:
        assert moved is None


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rates", RATES)
@settings(max_examples=5)
@given(networks, st.floats(0.01, 0.25), st.integers(0, 2**31), st.booleans())
def test_no_sample_exceeds_the_worst_case(rates, weights, network, beta, seed, alternate):
    amplitudes = np.array(network[0]) * np.where(np.arange(len(network[0])) % 2 & alternate, -1, 1)
    kernel = ExponentialSum(amplitudes, network[1])
    worst = largest_change(kernel, beta, rates, weights)
    samples = sampled_changes(kernel, beta, rates, weights, samples=20, rng=seed)
    # the samples are floats: l1 norms to a few eps of the sum of the parts' masses
    parts = 4 * len(amplitudes) * EPS * float(np.abs(amplitudes / np.array(network[1])).sum() + worst.high)
    assert samples.max() <= worst.high + parts
    assert 0 <= worst.low <= worst.high


@pytest.mark.parametrize("weights", ["fixed", "amplitude", "balanced"])
@pytest.mark.parametrize("rates", RATES)
@given(network=networks, beta=st.floats(0.01, 0.25))
@settings(max_examples=8)
def test_the_worst_case_of_positive_networks_is_attained(rates, weights, network, beta):
    """The reported network is admissible (checked from the definition), and its change is the reported number."""
    kernel = ExponentialSum(*network)
    worst = largest_change(kernel, beta, rates, weights)
    assert worst.exact
    a, w = np.array(network[0]), np.array(network[1])
    moved_a, moved_w = np.array(worst.attained_by.amplitudes), np.array(worst.attained_by.rates)
    slack = 1e3 * EPS
    assert np.abs(INVERSE[rates](moved_w) - INVERSE[rates](w)).max() <= beta * (1 + slack) + slack
    step = {
        "fixed": np.abs(moved_a - a).max(),
        "amplitude": np.abs(moved_a - a).max() - beta,
        "balanced": np.linalg.norm(np.sqrt(moved_a) - np.sqrt(a)) - beta,
    }[weights]
    assert step <= slack * (1 + beta)
    difference = ExponentialSum(np.concatenate([moved_a, -a]), np.concatenate([moved_w, w])).l1_norm()
    assert difference == pytest.approx(worst.high, rel=1e-9)


@settings(max_examples=6)
@given(networks, st.floats(0.05, 0.25))
def test_read_in_and_read_out_against_an_optimiser(network, beta):
    """The trust-region maximum from another method: projected search over both blocks, started at the answer's kind."""
    a, w = np.array(network[0]), np.array(network[1])
    gain, root = 1 / (w - beta), np.sqrt(a)

    def unpack(z):
        return [root + beta * x / max(1.0, float(np.linalg.norm(x))) for x in np.split(z, 2)]

    best = -np.inf
    for start in (np.ones(2 * a.size), np.concatenate([gain, gain])):
        found = minimize(lambda z: -float((gain * np.prod(unpack(z), axis=0)).sum()), start, tol=1e-12)
        best = max(best, -found.fun)
    change = largest_change(ExponentialSum(a, w), beta).high + (a / w).sum()
    assert best <= change * (1 + 8 * EPS * a.size)
    assert best >= change * (1 - 1e-5)  # BFGS stops when steps no longer help, at 1e-8 of a flat maximum or better


@given(st.floats(1.01, 50))
def test_rate_change_is_half_the_distance_of_two_densities(ratio):
    value = quad(lambda t: max(0.0, ratio * np.exp(-ratio * t) - np.exp(-t)), 0, np.log(ratio) / (ratio - 1))[0]
    assert float(rate_change(arb(ratio))) == pytest.approx(value, rel=1e-8, abs=1e-12)  # quad's own tolerance
    assert float(rate_change(arb(ratio))) <= np.log(ratio) / np.e


@pytest.mark.parametrize("rates", ["exp", "softplus"])
@given(networks, st.floats(0.01, 1.0))
@settings(max_examples=10)
def test_log_mass_change_is_bounded_whatever_the_rates(rates, network, beta):
    kernel = ExponentialSum(*network)
    mass = (np.array(network[0]) / np.array(network[1])).sum()
    bound = mass * (np.expm1(beta) + 2 * beta / np.e)
    assert largest_change(kernel, beta, rates, "log-mass").high <= bound * (1 + 1e-12)


def test_no_perturbation_no_change_and_instability():
    network = ExponentialSum([1.0, -0.5], [1.0, 0.2])
    assert largest_change(network, 0.0).high == 0
    assert largest_change(network, 0.2).high == largest_change(network, 0.3, weights="fixed").high == math.inf
    assert largest_change(network, 0.3, "exp", "fixed").high < math.inf
    assert np.isinf(sampled_changes(network, 5.0, samples=20, rng=0)).any()


def test_samples_depend_on_the_seed_alone():
    network = ExponentialSum([1.0, 0.5], [1.0, 2.0])
    first, second = (sampled_changes(network, 0.1, samples=5, rng=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("width", [1, 4, 12])
def test_exponential_memory_error_by_quadrature(width):
    network, (low, high) = exponential_memory(width)

    def error(t):
        return abs((np.exp(-t) - np.exp(-2 * t)) / t - float(network(t)))

    value = quad(error, 1e-300, 60, epsabs=1e-13, limit=400)[0]
    assert low - 1e-12 <= value <= high + 1e-12


def test_the_worst_case_does_not_grow_with_the_width_when_memory_is_exponential():
    changes = [largest_change(exponential_memory(m)[0], 0.3).high for m in (2, 8, 64)]
    # sum a = 1, rates above 1: beta/(1 (1 - beta)) for the rates, (2 beta + beta^2)/(1 - beta) for read-in and read-out
    assert max(changes) <= (0.3 + 2 * 0.3 + 0.3**2) / 0.7
    assert changes[2] == pytest.approx(changes[1], rel=0.01)


@pytest.mark.parametrize("omega", [0.3, 1.0])
def test_instability_bound_holds_for_exponential_sums(omega):
    """A fit of few neurons: its own worst case (a shift of all rates alone) is above the bound for every network."""
    rates = np.geomspace(1e-3, 3, 8)
    amplitudes = np.diff(np.append(0.0, rates)) * np.exp(-rates) * rates**omega / math.gamma(omega)
    network = ExponentialSum(amplitudes, rates)
    kernel, radius = PowerLaw(omega), 0.9e-3
    error = perturbation_error(kernel, network, radius, weights="fixed")
    bound, log_bound = instability_bound(kernel, radius, error.approximation[1])
    assert bound <= error.high
    assert log_bound <= math.log(error.high)


def test_instability_bound_in_its_limits():
    exponential = ExponentialSum([2.0], [1.0])
    assert instability_bound(exponential, 0.9, 1e-6)[0] == 0.0  # e^{beta t} rho is integrable: nothing forces growth
    assert instability_bound(exponential, 1.5, 1e-6)[0] > 1e2
    assert instability_bound(PowerLaw(0.5), 0.1, 2.0) == (0.0, -math.inf)  # the zero network is within the error
    previous = -math.inf
    for error in (0.1, 0.05, 0.02, 0.01):
        assert instability_bound(PowerLaw(0.5), 0.1, error)[1] > previous
        previous = instability_bound(PowerLaw(0.5), 0.1, error)[1]
    assert float(remaining_memory(PowerLaw(0.5, 2.0, -3.0), 6.0)) == pytest.approx(1.5, rel=1e-15)


@settings(max_examples=15)
@given(st.integers(1, 6), st.integers(0, 2**31), st.floats(0.1, 2))
def test_decay_bounds_hold_along_the_flow(n, seed, margin):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((n, n))
    W -= (np.linalg.eigvals(W).real.max() + margin) * np.eye(n)
    for bound in decay_bounds(LinearRNN(W, rng.standard_normal((n, 1)), rng.standard_normal(n))):
        for t in (0.0, 0.1, 1.0, 5.0):
            norm = np.linalg.norm(scipy.linalg.expm(W * t), 2)
            assert norm <= bound.factor * math.exp(-bound.rate * t) * (1 + 1e-12)  # expm's error: cond * eps


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(1, 2), st.integers(0, 2**31))
def test_random_matrix_perturbations_stay_below_the_bound(n, d, seed):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((n, n)) / np.sqrt(n) - 2 * np.eye(n)
    U, c, beta = rng.standard_normal((n, d)), rng.standard_normal(n), 0.1
    bound = change_bound(LinearRNN(W, U, c), beta)
    moved = [x + beta * y / np.linalg.norm(y, 2) for x, y in ((x, rng.standard_normal(x.shape)) for x in (W, U, c))]
    t = np.linspace(0, 40, 4001)

    def samples(W, U, c):
        step, rows, row = scipy.linalg.expm(W * t[1]), [], c
        for _ in t:
            rows.append(row @ U)
            row = row @ step
        return np.array(rows)

    difference = np.abs(samples(*moved) - samples(W, U, c))
    assert np.trapezoid(difference, t, axis=0).sum() <= bound * (1 + 1e-3)  # trapezoid error h^2/12 * variation


def test_one_neuron_against_its_closed_form():
    network = LinearRNN(np.array([[-1.0]]), np.array([[1.0]]), np.array([1.0]))
    exact = 1.1**2 / 0.9 - 1
    assert exact <= change_bound(network, 0.1) <= exact * (1 + 1e-9)
    assert change_bound(network, 1.0) == math.inf
    assert change_bound(network, 0.0) == 0.0


def test_bad_input_is_refused():
    network = ExponentialSum([1.0], [1.0])
    with pytest.raises(ValueError, match="radius must be >= 0"):
        largest_change(network, -0.1)
    with pytest.raises(ValueError, match="weights must be one of"):
        largest_change(network, 0.1, weights="amplitudes")
    with pytest.raises(ValueError, match="rates must be one of"):
        largest_change(network, 0.1, rates="relu")
    with pytest.raises(TypeError, match="PowerLaw or an ExponentialSum"):
        instability_bound(Airy(1.0, 2.0), 0.1, 0.1)
    with pytest.raises(ValueError, match="one sign"):
        remaining_memory(ExponentialSum([1.0, -1.0], [1.0, 2.0]), 1.0)
    with pytest.raises(ValueError, match="low <= high"):
        perturbation_error(network, network, 0.1, approximation=(2.0, 1.0))
