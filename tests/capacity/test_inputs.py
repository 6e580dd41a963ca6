"""Input series: laws against scipy, ARMA models against the spectral integral, closed forms and long samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.linalg import solve_discrete_lyapunov
from scipy.signal import lfilter

from linmem.capacity.systems import LAWS, StationaryInput, input_series
from linmem.statistics import mean_interval

EXPECTED = {
    "uniform": stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)),
    "normal": stats.norm(),
    "laplace": stats.laplace(0, np.sqrt(0.5)),
    "exponential": stats.expon(-1),
}


@pytest.mark.parametrize("law", LAWS)
def test_white_laws(law):
    z = input_series(40_000, law, rng=1)
    assert 0.0 in mean_interval(z, level=0.999)
    assert law == "rademacher" or 1.0 in mean_interval(z**2, level=0.999)
    assert 0.0 in mean_interval(z[1:] * z[:-1], level=0.999)  # products of neighbours are uncorrelated too
    if law == "rademacher":
        assert set(z) == {-1.0, 1.0}
    else:
        assert EXPECTED[law].mean() == pytest.approx(0, abs=1e-15)
        assert EXPECTED[law].var() == pytest.approx(1)
        assert stats.kstest(z, EXPECTED[law].cdf).pvalue > 1e-3


def _spectral(ar, ma, lags):
    """Autocovariances from the spectral density on a fine grid: the trapezoidal rule converges geometrically."""
    n = 2**16  # error of the order of radius^n
    unit = np.exp(-2j * np.pi * np.arange(n) / n)
    top = np.polyval(np.r_[1.0, ma][::-1], unit)
    bottom = np.polyval(np.r_[1.0, -np.asarray(ar)][::-1], unit)
    gamma = np.fft.ifft(np.abs(top / bottom) ** 2).real
    return gamma[: lags + 1] / gamma[0]


def _stationary(reflections):
    """Coefficients with given reflection coefficients (Levinson): stationary if and only if all are below 1."""
    ar = np.zeros(0)
    for k in reflections:
        ar = np.r_[ar - k * ar[::-1], k]
    return ar


@given(
    st.lists(st.floats(-0.9, 0.9), max_size=4),
    st.lists(st.floats(-3, 3), max_size=4),
)
def test_autocovariance_against_the_spectral_integral(reflections, ma):
    ar = _stationary(reflections)
    found = StationaryInput(ar=ar, ma=ma).autocovariance(12)
    # Sums up to the variance of the process, at most prod 1/(1 - .81) ~ 1e3 of the innovations times (1 + 12)^2,
    # and a state covariance with cancellation of that order: 1e6 roundings.
    assert np.allclose(found, _spectral(ar, ma, 12), rtol=0, atol=1e-9)
    assert found[0] == pytest.approx(1.0, abs=1e-15)


def test_autocovariance_in_closed_form():
    a, b = 0.6, -0.3
    gamma = StationaryInput(ar=[a, b]).autocovariance(20)
    assert gamma[1] == pytest.approx(a / (1 - b), rel=1e-14)  # Yule-Walker
    assert np.allclose(gamma[2:], a * gamma[1:-1] + b * gamma[:-2], rtol=0, atol=1e-15)
    gamma = StationaryInput(ma=[2.0]).autocovariance(3)
    assert np.allclose(gamma, [1.0, 0.4, 0.0, 0.0], rtol=0, atol=1e-15)
    near = StationaryInput(ar=[1 - 1e-6])  # variance 5e5 innovations
    assert near.innovation**2 == pytest.approx(1 - (1 - 1e-6) ** 2, rel=1e-9)


@pytest.mark.parametrize(
    ("ar", "ma"), [([], []), ([0.5], []), ([], [1.0, -2.0, 0.5]), ([0.6, -0.3], [0.4]), ([0.2, 0.1, 0.3], [0.7, 0.2])]
)
def test_state_space_form(ar, ma):
    model = StationaryInput(ar=ar, ma=ma)
    F, g, h = model.state_space()
    r = max(len(ar), len(ma) + 1)
    assert F.shape == (r, r)
    assert g.shape == h.shape == (r,)
    assert h @ solve_discrete_lyapunov(F, np.outer(g, g)) @ h == pytest.approx(1.0, rel=1e-12)
    impulse = lfilter(model.innovation * np.r_[1.0, ma], np.r_[1.0, -np.asarray(ar)], np.eye(1, 30)[0])
    response = [h @ np.linalg.matrix_power(F, k) @ g for k in range(30)]
    assert np.allclose(response, impulse, rtol=0, atol=1e-13)
    assert response[0] == pytest.approx(model.innovation)


def test_sampled_autocovariance():
    model = StationaryInput(ar=[0.6, -0.3], ma=[0.8])
    gamma = model.autocovariance(4)
    for law in ("normal", "rademacher"):
        z = model.sample(100 * 1000, law=law, rng=0)
        for k in range(5):
            blocks = (z[k:] * z[: len(z) - k])[: 99 * 1000].reshape(99, 1000).mean(axis=1)
            assert gamma[k] in mean_interval(blocks, level=0.999)


def test_the_first_step_is_stationary_already():
    model = StationaryInput(ar=[0.95])
    first = np.array([model.sample(1, rng=seed)[0] for seed in range(3000)])
    assert 1.0 in mean_interval(first**2, level=0.999)
    cold = np.array([model.sample(1, rng=seed, burn_in=0)[0] for seed in range(50)])
    assert (cold**2).mean() < 0.3  # 1 - .95^2 = .0975 on average


@pytest.mark.parametrize("ar", [[0.9], [0.5, 0.4], [1.9, -0.91], [0.0, 0.0, 0.7]])
def test_burn_in_leaves_out_less_than_rounding(ar):
    model = StationaryInput(ar=ar)
    F, g, h = model.state_space()
    T, rng = 3, np.random.default_rng(0)
    z = model.sample(T, rng=rng)
    spare = np.random.default_rng(0)
    used = next(n for n in 2 ** np.arange(20) if np.array_equal(model.sample(T, rng=0, burn_in=int(n)), z))
    left = h @ np.linalg.matrix_power(F, used) @ solve_discrete_lyapunov(F, np.outer(g, g))
    left = left @ np.linalg.matrix_power(F, used).T @ h
    assert 0 <= left < 2.0**-53
    assert spare.standard_normal(used + T).shape == (used + T,)
    rng.standard_normal()  # the generator went on from where the sample ended
    spare.standard_normal()
    assert rng.standard_normal() == spare.standard_normal()


def test_without_coefficients_the_input_is_white():
    model = StationaryInput()
    assert np.array_equal(model.autocovariance(3), [1, 0, 0, 0])
    assert np.array_equal(model.sample(50, law="laplace", rng=3, burn_in=0), input_series(50, "laplace", rng=3))
    assert StationaryInput(ar=np.array([0.5])) == StationaryInput(ar=(0.5,))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StationaryInput(ar=[1.0]), "inside the unit circle, got one of modulus 1"),
        (lambda: StationaryInput(ar=[0.5, 0.6]), "unit circle"),
        (lambda: StationaryInput(ma=[[1.0]]), "ma must have 1 dimension"),
        (lambda: StationaryInput(ar=[np.nan]), "ar must be finite"),
        (lambda: input_series(5, "gauss", rng=0), "law must be one of"),
        (lambda: input_series(0, rng=0), "T must be >= 1"),
        (lambda: StationaryInput().autocovariance(-1), "max_lag must be >= 0"),
        (lambda: StationaryInput().sample(5, rng=0, burn_in=-1), "burn_in must be >= 0"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
