"""Random networks against linear algebra: orthogonality, impulse responses, moments of the random matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete import RandomNetwork, haar_frequencies
from linmem.statistics import mean_interval

EPS = np.finfo(float).eps
networks = st.builds(
    RandomNetwork,
    M=st.integers(1, 12).map(lambda h: 2 * h),
    L=st.integers(1, 5),
    spectrum=st.sampled_from(["iid", "haar"]),
    q=st.sampled_from([1.0, 0.9, 0.3]),
    seed=st.integers(0, 10**6),
)


@given(networks)
def test_W_over_q_is_orthogonal(network):
    # Each entry of W^T W is c^2 + s^2 (or c s - s c) with c, s good to 1 ulp and one rounding by q: a few eps.
    gram = network.W.T @ network.W / network.q**2
    assert np.abs(gram - np.eye(network.M)).max() <= 8 * EPS


@given(networks)
def test_eigenvalues_of_W_are_the_frequencies(network):
    found = np.sort_complex(np.linalg.eigvals(network.W))
    wanted = np.sort_complex(np.concatenate([network.eigenvalues, network.eigenvalues.conj()]))
    # W is normal: eigenvalues are perturbed by at most ||dW||, O(M eps) for a backward-stable method. Sorting complex
    # numbers can swap near-equal real parts, so compare the symmetric functions instead.
    powers = np.arange(1, 4)[:, None]
    assert np.abs((found**powers).sum(1) - (wanted**powers).sum(1)).max() <= 3 * 20 * network.M**2 * EPS


@given(networks, st.integers(1, 20), st.integers(0, 10**6))
def test_simulation_equals_the_recursion_with_W_and_Z(network, N, seed):
    rng = np.random.default_rng(seed)
    S, noise = rng.standard_normal((N, network.L)), rng.standard_normal((N, network.M))
    x, states = np.zeros(network.M), []
    for s, e in zip(S, noise, strict=True):
        x = network.W @ x + network.Z @ s + e
        states.append(x)
    # Both round each step by at most (L + 9) eps of what has passed through the state so far.
    size = np.abs(network.modes).sum() * np.abs(S).sum() + np.abs(noise).sum()
    assert np.abs(network.trajectory(S, noise) - states).max() <= 2 * N * (network.L + 9) * EPS * size
    assert (network.simulate(S, noise) == network.trajectory(S, noise)[-1]).all()


@given(networks, st.integers(1, 12), st.data())
def test_impulse_response_is_a_power_of_W(network, N, data):
    n, l = data.draw(st.integers(0, N - 1)), data.draw(st.integers(0, network.L - 1))
    S = np.zeros((N, network.L))
    S[n, l] = 1.0
    wanted = np.linalg.matrix_power(network.W, N - 1 - n) @ network.Z[:, l]
    # N products with a matrix of norm <= 1, each with M eps relative error.
    bound = 4 * N * network.M * EPS * np.linalg.norm(network.Z[:, l])
    assert np.linalg.norm(network.simulate(S) - wanted) <= bound


def test_columns_of_Z_have_unit_norm_in_the_mean():
    squares = (RandomNetwork(M=50, L=4000, seed=3).Z ** 2).sum(0)
    assert 1.0 in mean_interval(squares, level=0.999)
    # The squared norm is chi-square with M degrees of freedom over M: variance 2/M.
    assert 2 / 50 in mean_interval((squares - 1) ** 2, level=0.999)


@pytest.mark.parametrize("spectrum", ["iid", "haar"])
def test_correlation_of_columns_of_different_streams_has_variance_1_over_M(spectrum):
    M, products = 20, []
    for seed in range(400):
        network = RandomNetwork(M, 2, spectrum, seed=seed)
        products.append(network.Z[:, 0] @ network.W @ network.Z[:, 1])
    assert 1 / M in mean_interval(np.square(products), level=0.999)


def test_correlation_of_columns_of_one_stream_has_variance_2_over_M():
    M, products = 20, []
    for seed in range(400):
        network = RandomNetwork(M, 1, "iid", seed=seed)
        products.append(network.Z[:, 0] @ network.W @ network.Z[:, 0])
    assert 2 / M in mean_interval(np.square(products), level=0.999)


@pytest.mark.parametrize("M", [2, 4, 8, 30])
def test_haar_traces_have_the_moments_of_the_rotation_group(M):
    rng = np.random.default_rng(M)
    w = np.array([haar_frequencies(M, rng) for _ in range(2000)])
    one, two = 2 * np.cos(w).sum(1), 2 * np.cos(2 * w).sum(1)
    # Diaconis and Shahshahani: for M > 2, E tr W = 0, E (tr W)^2 = 1, E tr W^2 = 1. On the circle SO(2) the trace is
    # 2 cos w, so E (tr W)^2 = 2 and E tr W^2 = 0.
    assert 0.0 in mean_interval(one, level=0.999)
    assert (2.0 if M == 2 else 1.0) in mean_interval(one**2, level=0.999)
    assert (0.0 if M == 2 else 1.0) in mean_interval(two, level=0.999)


def test_haar_frequencies_have_the_law_of_an_orthogonalised_gaussian_matrix():
    rng, M, n = np.random.default_rng(0), 6, 2000
    direct = np.empty((n, M // 2))
    for i in range(n):
        Q, R = np.linalg.qr(rng.standard_normal((M, M)))
        Q = Q * np.sign(np.diag(R))
        Q[:, 0] *= np.sign(np.linalg.det(Q))
        angles = np.sort(np.abs(np.angle(np.linalg.eigvals(Q))))
        direct[i] = angles[::2]
    ours = np.array([haar_frequencies(M, rng) for _ in range(n)])
    for statistic in (lambda w: w[:, 0], lambda w: w[:, -1], lambda w: np.diff(w).min(1)):
        a, b = mean_interval(statistic(ours), level=0.999), mean_interval(statistic(direct), level=0.999)
        assert a.low <= b.high
        assert b.low <= a.high


@pytest.mark.parametrize("angle", [0.3, 2.0])
def test_a_given_spectrum_is_used(angle):
    network = RandomNetwork(M=2, L=1, spectrum=[angle], q=0.5, seed=0)
    assert np.trace(network.W) == pytest.approx(2 * 0.5 * np.cos(angle), rel=4 * EPS)


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_same_seed_same_network(seed):
    first, second = (RandomNetwork(M=8, L=2, spectrum="haar", seed=seed) for _ in range(2))
    assert (first.W == second.W).all()
    assert (first.Z == second.Z).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"M": 5}, "M must be even.*got 5"),
        ({"M": 0}, "M must be >= 2"),
        ({"L": 0}, "L must be >= 1"),
        ({"q": 1.5}, "q must be <= 1.*got 1.5"),
        ({"q": 0.0}, "q must be > 0"),
        ({"spectrum": "har"}, "spectrum must be one of.*did you mean 'haar'"),
        ({"spectrum": [0.1]}, r"spectrum must have shape \(2\)"),
        ({"spectrum": [0.1, np.nan]}, "spectrum must be finite"),
    ],
)
def test_bad_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandomNetwork(**({"M": 4, "L": 1, "seed": 0} | arguments))


@pytest.mark.parametrize("S", [np.zeros((3, 2)), np.zeros(3), [[np.nan]]])
def test_bad_input_is_refused(S):
    with pytest.raises(ValueError, match="S must"):
        RandomNetwork(M=4, L=1, seed=0).simulate(S)


def test_the_network_cannot_be_changed():
    network = RandomNetwork(M=4, L=1, seed=0)
    with pytest.raises(ValueError, match="read-only"):
        network.modes[0, 0] = 0
