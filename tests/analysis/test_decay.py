"""The decay verdict on kernels whose law is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.signal import cont2discrete

from linmem.analysis.decay import decay_verdict, envelope_lags

LAGS = np.arange(400)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.005, 1.0), st.floats(1e-3, 1e3))
def test_exponentials_of_any_rate_and_size(rate: float, size: float) -> None:
    found = decay_verdict(size * np.exp(-rate * LAGS))
    assert found.verdict == "exponential"
    assert found.rate is not None
    # log |rho| is rounded to about 1e-13 where the floor ends the fit
    assert found.rate.value == pytest.approx(rate, rel=1e-6)
    assert found.rate.low <= rate * (1 + 1e-6)
    assert found.rate.high >= rate * (1 - 1e-6)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 4.0), st.floats(1e-3, 1e3))
def test_power_laws_of_any_exponent_and_size(exponent: float, size: float) -> None:
    found = decay_verdict(size * (1.0 + LAGS) ** -exponent)
    assert found.verdict == "power law"
    assert found.exponent is not None
    assert found.exponent.value == pytest.approx(exponent, rel=1e-6)


def test_oscillations_are_judged_by_their_peaks() -> None:
    wave = np.cos(0.7 * LAGS)
    assert decay_verdict(0.95**LAGS * wave).verdict == "exponential"
    assert decay_verdict((1.0 + LAGS) ** -1.2 * wave).verdict == "power law"
    assert decay_verdict((0.9 * np.exp(0.3j)) ** LAGS).verdict == "exponential"
    # every second lag is exactly zero, the last one too: not the end of the kernel
    zeros = np.where(LAGS % 2, 0.0, 0.95**LAGS)
    assert decay_verdict(zeros).verdict == "exponential"
    assert envelope_lags(np.abs(zeros)).tolist() == list(range(0, 400, 2))


def test_noisy_kernels() -> None:
    """Errors of 20 % in every value: 20 seeds each, no verdict is the wrong one and nearly all are decided."""
    found = {"exponential": [], "power law": []}
    for seed in range(20):
        noise = np.exp(0.2 * np.random.default_rng(seed).standard_normal(400))
        found["exponential"].append(decay_verdict(0.97**LAGS * noise).verdict)
        found["power law"].append(decay_verdict((1.0 + LAGS) ** -1.0 * noise).verdict)
    for name, verdicts in found.items():
        assert set(verdicts) <= {name, "inconclusive"}
        assert verdicts.count(name) >= 15


@pytest.mark.parametrize(("order", "window"), [(8, 50), (4, 20)])
def test_legendre_memory_units_decay_exponentially_beyond_their_window(order: int, window: float) -> None:
    """Voelker's LMU: a Pade approximation of a delay, A_ij = (2i+1)/theta (-1 if i<j else (-1)^(i-j+1))."""
    i, j = np.indices((order, order))
    A = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) / window
    B = ((2 * np.arange(order) + 1) * (-1.0) ** np.arange(order) / window)[:, None]
    step = cont2discrete((A, B, np.eye(order), np.zeros((order, 1))), 1.0)
    state, kernel = step[1][:, 0], []
    for _ in range(20 * int(window)):
        kernel.append(state.sum())
        state = step[0] @ state
    found = decay_verdict(kernel)
    slowest = -np.log(np.abs(np.linalg.eigvals(step[0])).max())
    assert found.verdict == "exponential"
    assert found.rate is not None
    assert found.rate.value == pytest.approx(slowest, rel=0.25)  # the fit also sees the first part of the decay


def test_a_mixture_of_exponentials_can_be_a_power_law() -> None:
    """int_0^inf w^(a-1) e^{-w (1+s)} dw = Gamma(a) (1+s)^-a, on a grid in log w of step 0.2 (error below 1e-12)."""
    x = np.arange(-60.0, 4.0, 0.2)
    kernel = 0.2 * np.exp(1.5 * x[:, None] - np.exp(x[:, None]) * (1.0 + LAGS)).sum(axis=0)
    assert kernel == pytest.approx(special.gamma(1.5) * (1.0 + LAGS) ** -1.5, rel=1e-9)
    assert decay_verdict(kernel).verdict == "power law"


def test_finite_kernels_and_the_floor() -> None:
    delay = np.zeros(30)
    delay[4] = 1.0
    found = decay_verdict(delay + 1e-16)
    assert (found.verdict, found.support) == ("finite", 5)
    assert found.rate is None
    # rounding noise behind an exponential is not a second law
    noise = 1e-15 * np.random.default_rng(0).standard_normal(400)
    assert decay_verdict(0.7**LAGS + noise).verdict == "exponential"
    assert decay_verdict(0.5 ** np.arange(10)).verdict == "inconclusive"


def test_several_inputs_are_added() -> None:
    kernel = 0.9**LAGS
    both = decay_verdict(np.stack([kernel, -kernel], axis=1))
    assert both.rate == decay_verdict(2 * kernel).rate


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel must not be zero"):
        decay_verdict(np.zeros(5))
    with pytest.raises(TypeError, match="kernel must be an array of numbers"):
        decay_verdict(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="floor must be below"):
        decay_verdict([1.0, 0.5], floor=2.0)
