"""Linear networks: kernel against expm and closed forms, realisations, stability measures, refusals."""

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import StateSpace, impulse

from linmem.continuous.network import LinearRNN, peak_gain, random_network
from linmem.kernels import Airy, ComplexExponentialSum, ExponentialSum

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)


def size(network):
    """|c| |U|: bounds |rho(t)| up to the factor |e^{Wt}|."""
    return float(np.linalg.norm(network.c) * np.linalg.norm(network.U, 2))


def tolerance(network, times):
    """scipy.linalg.expm is backward stable: W t is perturbed by n eps |W t|; with the growth of e^{Wt} up to that time.

    On a grid the rows are products of at most 2 log2(T) exponentials, hence the factor 40.
    """
    growth = max(np.linalg.norm(scipy.linalg.expm(network.W * t), 2) for t in np.linspace(0, max(times), 20))
    return 40 * network.state_size * EPS * growth**2 * (1 + np.linalg.norm(network.W, 2) * max(times)) * size(network)


@settings(max_examples=40)
@given(seeds)
def test_kernel_is_the_matrix_exponential_on_grids_and_scattered_times(seed):
    network = random_network(6, 3, seed)
    times = np.linspace(0.3, 9.0, 37)
    exact = np.array([network.c @ scipy.linalg.expm(network.W * t) @ network.U for t in times])
    assert np.abs(network.kernel(times) - exact).max() <= tolerance(network, times)
    shuffled = np.random.default_rng(seed).permutation(37)
    assert np.abs(network.kernel(times[shuffled]) - exact[shuffled]).max() <= tolerance(network, times)
    assert network.kernel(times.reshape(37, 1)).shape == (37, 1, 3)


def test_kernel_of_a_jordan_chain_is_a_gamma_density():
    """n states in a row with gain k: rho = (k t)^{n-1}/(n-1)! e^{-t}; W has one eigenvector only."""
    n, k = 10, 8.0
    network = LinearRNN(-np.eye(n) + k * np.eye(n, k=1), np.eye(n)[:, -1], np.eye(n)[0])
    times = np.linspace(0.0, 20.0, 81)
    exact = np.exp(-times) * (k * times) ** (n - 1) / float(mp.factorial(n - 1))
    growth = exact.max()
    for found in (network.kernel(times), network.kernel(times[::-1])[::-1]):
        # every entry of e^{Wt} is >= 0 and at most exact.max(): errors are relative to that, (1 + k) t of them in a row
        assert np.abs(found[:, 0] - exact).max() <= 40 * n * EPS * growth * (1 + k) * times.max()
    with pytest.raises(ValueError, match="diagonalisable"):
        network.modes()


@settings(max_examples=40)
@given(seeds)
def test_modes_are_the_kernel(seed):
    network = random_network(5, 2, seed)
    times = np.linspace(0.0, 12.0, 25)
    vectors = np.linalg.eig(network.W)[1]
    bound = 100 * EPS * np.linalg.cond(vectors) * size(network) * (1 + np.linalg.norm(network.W, 2) * 12.0)
    kernels = network.modes()
    found = np.stack([kernel(times) for kernel in kernels], axis=1)
    assert np.abs(found - network.kernel(times)).max() <= bound + tolerance(network, times)
    assert all(kernel.state_size == 5 for kernel in kernels)


def test_realisations_of_given_kernels():
    first = ExponentialSum([1.0, -2.0], [0.5, 3.0])
    second = ComplexExponentialSum([0.7 - 0.2j, 1.5], [0.4 + 2.0j, 1.0])
    network = LinearRNN.from_kernel(first, second)
    times = np.array([0.0, 0.1, 1.0, 7.0])
    assert (network.state_size, network.inputs) == (5, 2)
    np.testing.assert_allclose(network.kernel(times)[:, 0], first(times), atol=100 * EPS * 3)
    np.testing.assert_allclose(network.kernel(times)[:, 1], second(times), atol=100 * EPS * 3)
    np.testing.assert_array_equal(LinearRNN.diagonal([1.0, -2.0], [0.5, 3.0]).W, np.diag([-0.5, -3.0]))
    with pytest.raises(TypeError, match=r"Airy.*fit_kernel"):
        LinearRNN.from_kernel(Airy(1.0, 1.0))
    with pytest.raises(ValueError, match="got none"):
        LinearRNN.from_kernel()


@given(seeds)
def test_similarity_changes_states_and_nothing_else(seed):
    network = random_network(4, 2, seed)
    T = np.random.default_rng(seed).standard_normal((4, 4)) + 3 * np.eye(4)
    moved = network.transformed(T)
    times = np.linspace(0.0, 5.0, 11)
    bound = tolerance(network, times) * np.linalg.cond(T) ** 2
    assert np.abs(moved.kernel(times) - network.kernel(times)).max() <= bound
    back = moved.transformed(np.linalg.inv(T))
    assert np.abs(back.W - network.W).max() <= 100 * EPS * np.linalg.cond(T) ** 2 * (1 + np.abs(network.W).max())


def test_scipy_systems_and_back():
    network = random_network(4, 1, 3)
    copy = LinearRNN.from_system(network.to_system())
    np.testing.assert_array_equal(copy.W, network.W)
    times, response = impulse(network.to_system(), T=np.linspace(0, 5, 21))
    assert np.abs(network.kernel(times)[:, 0] - response).max() <= 100 * tolerance(network, times)
    W, U, c = network.W, network.U, network.c[None]
    with pytest.raises(ValueError, match="feed-through"):
        LinearRNN.from_system(StateSpace(W, U, c, np.ones((1, 1))))
    with pytest.raises(ValueError, match="continuous time"):
        LinearRNN.from_system(StateSpace(W, U, c, np.zeros((1, 1)), dt=0.1))
    with pytest.raises(ValueError, match="one output"):
        LinearRNN.from_system(StateSpace(W, U, np.eye(4), np.zeros((4, 1))))


def test_stability_measures_of_normal_and_non_normal_networks():
    normal = LinearRNN([[-0.5, 4.0], [-4.0, -0.5]], [1.0, 0.0], [1.0, 0.0])
    assert normal.stability_margin == pytest.approx(0.5, rel=1e-14)
    assert normal.stability_radius == pytest.approx(0.5, rel=2e-6)
    assert normal.numerical_abscissa == pytest.approx(-0.5, rel=1e-14)
    # [[-1, k], [0, -1]]: |det| = 1 and |.|_F^2 = k^2 + 2 at v = 0, where the least singular value is smallest
    k = 100.0
    sheared = LinearRNN([[-1.0, k], [0.0, -1.0]], [0.0, 1.0], [1.0, 0.0])
    least = np.sqrt((k * k + 2 - np.sqrt((k * k + 2) ** 2 - 4)) / 2)
    assert sheared.stability_radius == pytest.approx(least, rel=2e-6)
    assert sheared.stability_margin == 1.0
    assert sheared.numerical_abscissa == pytest.approx(k / 2 - 1, rel=1e-13)


@settings(max_examples=20)
@given(seeds)
def test_stability_radius_against_a_scan_of_frequencies(seed):
    network = random_network(6, 1, seed, margin=0.05)
    reach = np.abs(np.linalg.eigvals(network.W)).max()
    scan = np.linspace(0, 1.5 * reach, 1001)
    least = np.linalg.svd(network.W - 1j * scan[:, None, None] * np.eye(6), compute_uv=False)[:, -1].min()
    # the least singular value is Lipschitz in the frequency with constant 1
    spacing = scan[1] - scan[0]
    assert least - spacing / 2 - 1e-9 <= network.stability_radius <= least * (1 + 2e-6)
    assert network.stability_radius <= network.stability_margin * (1 + 2e-6)


def test_peak_gain_of_a_resonance():
    """1/(s^2 + 2 z s + 1) peaks at 1/(2 z sqrt(1 - z^2)) for z < 1/sqrt 2."""
    z = 0.01
    A = np.array([[0.0, 1.0], [-1.0, -2 * z]])
    found = peak_gain(A, np.array([[0.0], [1.0]]), np.array([[1.0, 0.0]]))
    assert found == pytest.approx(1 / (2 * z * np.sqrt(1 - z * z)), rel=2e-6)
    assert peak_gain(A, np.zeros((2, 1)), np.array([[1.0, 0.0]])) == 0.0


@pytest.mark.parametrize(
    ("W", "U", "c", "message"),
    [
        ([[0.1]], [1.0], [1.0], r"Hurwitz.*0\.1.*subtract"),
        ([[0.0, 1.0], [-1.0, 0.0]], [1.0, 0.0], [1.0, 0.0], "Hurwitz"),
        ([[-1.0, 0.0]], [1.0], [1.0], "shape"),
        ([[-1.0]], [1.0, 2.0], [1.0], "U must have shape"),
        ([[-1.0]], [1.0], [1.0, 2.0], "c must have shape"),
        (np.empty((0, 0)), [], [], "at least one row"),
        ([[-1.0]], np.empty((1, 0)), [1.0], "at least one column"),
        ([[np.nan]], [1.0], [1.0], "finite"),
    ],
)
def test_networks_that_are_refused(W, U, c, message):
    with pytest.raises(ValueError, match=message):
        LinearRNN(W, U, c)


def test_networks_are_read_only_and_reject_bad_arguments():
    network = LinearRNN([[-1.0]], [1.0], [1.0])
    with pytest.raises(ValueError, match="read-only"):
        network.W[0, 0] = 1.0
    with pytest.raises(ValueError, match="lag"):
        network.kernel(-1.0)
    with pytest.raises(ValueError, match="invertible"):
        network.transformed([[0.0]])
    with pytest.raises(ValueError, match="margin must be > 0"):
        random_network(2, 1, 0, margin=0.0)
