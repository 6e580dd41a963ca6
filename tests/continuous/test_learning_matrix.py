"""The loss of general linear networks against torch, the stacked error system, the diagonal form and similarity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.learning import (
    MatrixGradient,
    autograd_matrix_loss,
    loss_derivatives,
    matrix_loss,
    matrix_loss_gradient,
)
from linmem.continuous.learning.matrix_transform import matrix_transform
from linmem.continuous.network import LinearRNN, difference, gramian, white_noise_norm
from linmem.kernels import (
    Airy,
    ComplexExponentialSum,
    ExponentialSum,
    GaussianBump,
    Modulated,
    PowerLaw,
    Window,
)

EPS = np.finfo(float).eps
KERNELS = {
    "real exponentials": ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0]),
    "complex exponentials": ComplexExponentialSum([1.0 + 0.5j, 0.3], [0.5 + 2.0j, 1.0]),
    "bump and exponential": ExponentialSum([1.0], [1.0]) + 0.7 * GaussianBump(6.0),
    "power law": PowerLaw(0.5),
    "Airy": Airy(2.25, 4.0),
    "window": Window(3.0),
    "modulated": Modulated(GaussianBump(4.0), 3.0),
}


def network(kind: str, seed: int = 0) -> LinearRNN:
    rng = np.random.default_rng(seed)
    if kind == "random":
        return LinearRNN(*parts(rng, 5))
    if kind == "two inputs":
        W, U, c = parts(rng, 4)
        return LinearRNN(W, np.stack([U, rng.standard_normal(4)], axis=1), c)
    if kind == "oscillating":
        return LinearRNN.from_kernel(ComplexExponentialSum([1.0, 0.5], [0.3 + 2.0j, 0.4 - 1.0j]))
    return LinearRNN(np.diag(np.ones(2), 1) - np.eye(3), [1.0, 0.0, 2.0], [1.0, 1.0, 0.0])  # a Jordan block


def parts(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return 0.4 * rng.standard_normal((n, n)) / np.sqrt(n) - np.eye(n), rng.standard_normal(n), rng.standard_normal(n)


def tolerance(net: LinearRNN, kernel, condition: float = 1.0) -> float:
    """Rounding: n roundings of the Gramians, times the condition of the Lyapunov equation, times the size of all terms.

    The size of the terms of the gradient: |Q| |G| and products of |U|, |c| with transforms, at most ||rho|| times the
    L2 norms of the answers, sqrt|G| |c| and sqrt|Q| |U|.
    """
    n, W, U, c = net.state_size, net.W, net.U, net.c
    lyapunov = np.kron(np.eye(n), W) + np.kron(W, np.eye(n))
    G, Q = np.linalg.norm(gramian(net)), np.linalg.norm(gramian(LinearRNN(W.T, c, c)))
    size = (1 + np.sqrt(G) + np.linalg.norm(U)) ** 2 * (1 + np.sqrt(Q) + np.linalg.norm(c)) ** 2
    return 4 * n * EPS * np.linalg.cond(lyapunov) * condition * size * (1 + kernel.l2_norm()) ** 2


def assert_close(one: MatrixGradient, two: MatrixGradient, atol: float) -> None:
    assert abs(one.loss - two.loss) <= atol
    for name in ("W", "U", "c"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=0, atol=atol)


@pytest.mark.parametrize("kind", ["random", "oscillating", "Jordan block"])
@pytest.mark.parametrize("name", KERNELS)
def test_every_way_agrees_with_autograd(name, kind):
    net, kernel = network(kind), KERNELS[name]
    oracle = autograd_matrix_loss(net, kernel)
    assert_close(matrix_loss_gradient(net, kernel), oracle, tolerance(net, kernel))
    assert_close(matrix_loss_gradient(net, kernel, "quadrature"), oracle, tolerance(net, kernel))
    if kind != "Jordan block":  # which has no basis of modes
        condition = float(np.linalg.cond(np.linalg.eig(net.W)[1])) ** 2
        assert_close(matrix_loss_gradient(net, kernel, "modes"), oracle, tolerance(net, kernel, condition))


@pytest.mark.parametrize("kind", ["random", "two inputs", "oscillating", "Jordan block"])
def test_loss_is_the_norm_of_the_error_system(kind):
    """||rhohat - rho||^2 = ce^T Ge ce with one Gramian of both networks side by side."""
    net = network(kind)
    kernels = [KERNELS["real exponentials"], KERNELS["complex exponentials"]][: net.inputs]
    target = LinearRNN.from_kernel(*kernels)
    found, atol = matrix_loss_gradient(net, kernels), tolerance(net, kernels[0]) + tolerance(net, kernels[-1])
    error = difference(net, target)
    assert abs(found.loss - white_noise_norm(error) ** 2) <= atol
    G, n = gramian(error), net.state_size
    Q = gramian(LinearRNN(error.W.T, error.c, error.c))
    np.testing.assert_allclose(found.c, 2 * (G @ error.c)[:n], rtol=0, atol=atol)
    np.testing.assert_allclose(found.U, 2 * (Q @ error.U)[:n], rtol=0, atol=atol)
    np.testing.assert_allclose(found.W, 2 * (Q @ G)[:n, :n], rtol=0, atol=atol)


def test_inputs_add_up():
    net, kernels = network("two inputs"), [KERNELS["Airy"], KERNELS["power law"]]
    found = matrix_loss_gradient(net, kernels)
    first, second = (
        matrix_loss_gradient(LinearRNN(net.W, net.U[:, i], net.c), kernel) for i, kernel in enumerate(kernels)
    )
    both = MatrixGradient(
        first.loss + second.loss, first.W + second.W, np.hstack([first.U, second.U]), first.c + second.c
    )
    assert_close(found, both, tolerance(net, kernels[0]))
    assert matrix_loss(net, kernels) == found.loss


@pytest.mark.parametrize("name", KERNELS)
def test_diagonal_networks(name):
    """W = -diag(w), U = 1, c = a: dJ/da = dJ/dc and dJ/dw_k = -dJ/dW_kk."""
    a, w, kernel = np.array([1.0, -0.6, 0.3]), np.array([0.4, 1.0, 2.5]), KERNELS[name]
    net = LinearRNN.diagonal(a, w)
    found, diagonal = matrix_loss_gradient(net, kernel), loss_derivatives(a, w, kernel)
    atol = tolerance(net, kernel)
    assert abs(found.loss - diagonal.loss) <= atol
    gradient = np.concatenate([found.c, -np.diag(found.W)])
    np.testing.assert_allclose(gradient, diagonal.gradient, rtol=0, atol=atol)


@settings(max_examples=25)
@given(
    st.lists(st.floats(-0.3, 0.3), min_size=25, max_size=25),
    st.sampled_from(["real exponentials", "bump and exponential", "power law", "window"]),
    st.integers(0, 5),
)
def test_similarity(entries, name, seed):
    """(T W T^-1, T U, T^-T c) has the same loss; gradients turn the other way."""
    net, kernel = network("random", seed), KERNELS[name]
    T = np.eye(5) + 0.4 * np.array(entries).reshape(5, 5)
    turned = net.transformed(T)
    one, two = matrix_loss_gradient(net, kernel), matrix_loss_gradient(turned, kernel)
    back = MatrixGradient(two.loss, T.T @ two.W @ np.linalg.inv(T).T, T.T @ two.U, np.linalg.solve(T, two.c))
    atol = (tolerance(net, kernel, 1e2) + tolerance(turned, kernel, 1e2)) * np.linalg.cond(T) ** 4
    assert_close(one, back, atol)  # eigenvectors of condition up to about 10 enter squared


def test_an_exact_fit_is_a_zero():
    net = network("oscillating")
    [kernel] = net.modes()
    found = matrix_loss_gradient(net, kernel)
    nothing = MatrixGradient(0.0, np.zeros((4, 4)), np.zeros((4, 1)), np.zeros(4))
    assert_close(found, nothing, tolerance(net, kernel))


def test_equal_and_nearby_eigenvalues_do_not_cancel():
    """The divided differences of close rates: the derivative of P(-x) at W = -1 is -P'(1)."""
    kernel = Airy(2.25, 4.0)
    for gap in (0.0, 1e-12, 1e-6, 1e-3):
        W = np.diag([-1.0, -1.0 - gap])
        F, L = matrix_transform(kernel, W, np.ones((2, 2)), "modes")
        slope = float(kernel.laplace(1.0, derivative=1))
        bend = float(kernel.laplace(1.0, derivative=2))
        # f[x, x - gap] = f'(x) - gap f''(x)/2 + ..., f' = -P', f'' = P''; third derivatives are below 100 here
        assert abs(L[0, 1] - (-slope - gap * bend / 2)) <= 1e-13 + 100 * gap**2
        np.testing.assert_allclose(np.diag(F), kernel.laplace(-np.diag(W)), rtol=0, atol=1e-15)


def test_bad_input_is_refused():
    net = network("two inputs")
    with pytest.raises(ValueError, match="one kernel for each of the 2 input"):
        matrix_loss(net, KERNELS["Airy"])
    with pytest.raises(TypeError, match="must hold memory kernels, got float"):
        matrix_loss(net, [1.0, 2.0])
    with pytest.raises(ValueError, match="did you mean 'modes'"):
        matrix_loss(net, [KERNELS["Airy"]] * 2, "mode")
