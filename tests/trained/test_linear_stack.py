"""Exact linear stacks against sympy, scipy.signal, the tanh stacks of the library, and the limit they attain."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy import signal

from linmem.capacity import memory_capacity
from linmem.trained import collect_states
from linmem.trained.linear_stack import LinearStack, generic_stack, random_stack, shift_stack

SHAPES = [(1, 1), (4, 1), (1, 3), (2, 2), (3, 2), (2, 4)]  # cells, layers
LINKS = ["same-step", "delayed"]


def joint_system(stack: LinearStack) -> tuple[np.ndarray, np.ndarray]:
    """(A, b) of the whole state, links resolved, floats."""
    c, l = len(stack.readout), len(stack.recurrent)
    A, b = np.zeros((c * l, c * l)), np.zeros(c * l)
    for i, (W, U) in enumerate(zip(stack.from_below, stack.recurrent, strict=True)):
        mine, below = slice(i * c, (i + 1) * c), slice((i - 1) * c, i * c)
        if i == 0:
            b[mine] = W.astype(float)[:, 0]
        elif stack.links == "delayed":
            A[mine, below] = W.astype(float)
        else:
            A[mine], b[mine] = W.astype(float) @ A[below], W.astype(float) @ b[below]
        A[mine, mine] += U.astype(float)
    return A, b


@pytest.mark.parametrize("links", LINKS)
def test_transfer_function_is_sympys(links: str) -> None:
    """The adjugate formula, by symbolic inversion, against response times denominator."""
    c, l, s = 2, 3, sp.Symbol("s")
    stack = random_stack(c, l, links, rng=3, largest=5)
    signals = sp.Matrix([1])
    denominator = sp.Integer(1)
    for i in range(l):
        inner = sp.eye(c) - s * sp.Matrix(stack.recurrent[i])
        delay = s if i and links == "delayed" else 1
        signals = (inner.adjugate() * sp.Matrix(stack.from_below[i]) * signals * delay).expand()
        denominator *= inner.det()
    numerator = sp.Poly((sp.Matrix([list(stack.readout)]) * signals)[0], s)
    assert numerator.all_coeffs()[::-1] == list(stack.numerator)[: numerator.degree() + 1]
    assert stack.numerator_degree == numerator.degree()
    assert sp.Poly(denominator, s).all_coeffs()[::-1] == list(stack.denominator)


@pytest.mark.parametrize("links", LINKS)
def test_response_is_that_of_its_transfer_function(links: str) -> None:
    """scipy's filter with the same coefficients; whole numbers below 2^53 stay exact in doubles."""
    stack = random_stack(2, 2, links, rng=1, largest=3)
    impulse = np.zeros(9)
    impulse[0] = 1.0
    filtered = signal.lfilter([float(n) for n in stack.numerator], [float(d) for d in stack.denominator], impulse)
    assert np.abs(filtered).max() < 2**40
    assert filtered.tolist() == [float(h) for h in stack.response(9)]


@pytest.mark.parametrize(("cells", "layers"), SHAPES)
@pytest.mark.parametrize("links", LINKS)
def test_no_stack_has_a_numerator_beyond_the_limit(cells: int, layers: int, links: str) -> None:
    drawn = random_stack(cells, layers, links, rng=0)
    limit = drawn.architecture.linear_distance
    assert drawn.numerator_degree == limit - 1
    assert drawn.denominator[0] == 1
    assert drawn.recalled_position is None or cells * layers == 1
    if cells * layers <= 4:
        assert generic_stack(cells, layers, links).numerator_degree == limit - 1


@pytest.mark.parametrize(("cells", "layers"), SHAPES)
@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("readout", ["sum", "linear"])
def test_chains_attain_the_limit(cells: int, layers: int, links: str, readout: str) -> None:
    chain = shift_stack(cells, layers, links, readout)
    limit = chain.architecture.linear_distance
    assert chain.recalled_position == limit
    assert chain.response(limit + 5) == (0,) * (limit - 1) + (1,) + (0,) * 5
    if readout == "sum":
        assert chain.readout.tolist() == [1] * cells


@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("readout", ["sum", "linear"])
def test_tanh_stacks_follow_their_linear_stack(links: str, readout: str) -> None:
    """tanh y = y - y^3/3 + ..: with inputs below e every state is off by O(e^3), the answer over e by O(e^2)."""
    chain = shift_stack(3, 2, links, readout)
    scale, x = 1e-4, np.random.default_rng(0).random(30)
    network = chain.network(scale)
    answer = collect_states(network, x, "top") @ network.readout_weight
    lag = chain.architecture.linear_distance - 1
    # each of at most N = 6 passes through tanh adds |y|^3/3, y <= 3 e (T has rows with 3 entries), read by 3 cells
    np.testing.assert_allclose(answer[lag:], x[: len(x) - lag], rtol=0, atol=6 * 3 * 9 * scale**2)
    assert np.abs(answer[:lag]).max() < 6 * 3 * 9 * scale**2


@pytest.mark.parametrize("links", LINKS)
def test_reached_dimension_is_the_memory_capacity(links: str) -> None:
    """Jaeger's capacity of all lags from 0, computed elsewhere, of the same stack made stable by scaling every U."""
    for stack, wanted in ((shift_stack(2, 3, links, "linear"), 6 if links == "delayed" else 4), (None, 6)):
        found = random_stack(2, 3, links, rng=5, largest=4) if stack is None else stack
        assert found.reachable_states == wanted
        scaled = LinearStack(found.from_below, tuple(U * 0.05 for U in found.recurrent), found.readout, links)
        A, b = joint_system(scaled)
        assert memory_capacity(A, b, first_lag=0).value == pytest.approx(wanted, abs=1e-9)


def test_fractions_stay_exact() -> None:
    third = Fraction(1, 3)
    stack = LinearStack((np.array([[third]], dtype=object),), (np.array([[third]], dtype=object),), np.array([3]))
    assert stack.response(3) == (1, third, third**2)
    assert stack.denominator == (1, -third)
    assert stack.recalled_position is None


def test_nothing_is_recalled_by_silent_weights() -> None:
    zero = np.array([[0]], dtype=object)
    silent = LinearStack((zero,), (zero,), np.array([1], dtype=object))
    assert (silent.numerator_degree, silent.recalled_position, silent.reachable_states) == (-1, None, 0)


def test_bad_input_is_refused() -> None:
    chain = shift_stack(3, 2)
    with pytest.raises(ValueError, match="one matrix a layer"):
        LinearStack(chain.from_below[:1], chain.recurrent, chain.readout)
    with pytest.raises(ValueError, match=r"\(3, 3\) for \(3, 1\)"):
        LinearStack(chain.from_below[::-1], chain.recurrent, chain.readout)
    with pytest.raises(ValueError, match="links"):
        shift_stack(3, 2, "late")
    with pytest.raises(ValueError, match="readout"):
        shift_stack(3, 2, readout="last")
    with pytest.raises(ValueError, match="cells"):
        shift_stack(0)
    with pytest.raises(ValueError, match="largest"):
        random_stack(2, rng=0, largest=0)
