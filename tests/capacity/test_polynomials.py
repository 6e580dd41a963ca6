"""Orthonormal polynomials against scipy's Gauss rules and classical families, and on their own inner products."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from linmem.capacity.information import LAWS, orthonormal_polynomials
from linmem.capacity.information.polynomials import stieltjes

RULES = {  # nodes and probabilities of a Gauss rule that is exact to degree 2 * 20 - 1
    "uniform": special.roots_legendre(20),
    "normal": special.roots_hermitenorm(20),
}


@pytest.mark.parametrize("name", RULES)
def test_named_laws_are_orthonormal_under_a_gauss_rule(name):
    nodes, weights = RULES[name]
    p = orthonormal_polynomials(name, 8)(nodes)
    assert np.abs((p * weights / weights.sum()) @ p.T - np.eye(9)).max() < 1e-12


def test_uniform_is_normalised_legendre_and_normal_is_normalised_hermite():
    z = np.linspace(-1, 1, 7)
    legendre, hermite = orthonormal_polynomials("uniform", 5)(z), orthonormal_polynomials("normal", 5)(z)
    for k in range(6):
        np.testing.assert_allclose(legendre[k], np.sqrt(2 * k + 1) * special.eval_legendre(k, z), atol=1e-13)
        expected = special.eval_hermitenorm(k, z) / np.sqrt(special.factorial(k))
        np.testing.assert_allclose(hermite[k], expected, atol=1e-13)


@pytest.mark.parametrize(
    ("law", "centre", "spread"),
    [  # recurrences of the classical families (Laguerre, Jacobi (1, 1), Charlier, Krawtchouk), p_k orthonormal
        (stats.expon(), lambda k: 2 * k + 1, lambda k: k + 1),
        (stats.uniform(0, 0.5), lambda k: 0.25 + 0 * k, lambda k: 0.25 * (k + 1) / np.sqrt(4 * (k + 1) ** 2 - 1)),
        (stats.poisson(4.0), lambda k: k + 4, lambda k: np.sqrt(4 * (k + 1))),
        (stats.binom(9, 0.3), lambda k: 2.7 + 0.4 * k, lambda k: np.sqrt((k + 1) * (9 - k) * 0.21)),
    ],
    ids=["exponential", "shifted uniform", "poisson", "binomial"],
)
def test_recurrences_of_classical_families(law, centre, spread):
    found, k = orthonormal_polynomials(law, 5), np.arange(5.0)
    np.testing.assert_allclose(found.spread, spread(k), rtol=1e-10)
    np.testing.assert_allclose(found.centre, centre(k), atol=1e-9)


@pytest.mark.parametrize("law", [stats.beta(2, 3), stats.t(30), stats.lognorm(0.5)], ids=["beta", "t", "lognormal"])
def test_any_continuous_law_is_orthonormal_under_adaptive_quadrature(law):
    found = orthonormal_polynomials(law, 3)
    low, high = law.ppf(1e-60), law.isf(1e-60)  # outside, polynomials times density are below 1e-40

    def products(z):
        p = found(np.array([z]))[:, 0]
        return np.outer(p, p) * law.pdf(z)

    value, error = integrate.quad_vec(products, low, high, epsabs=1e-9, points=[law.mean()], limit=2000)
    assert error < 1e-7
    assert np.abs(value - np.eye(4)).max() < 1e-7


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30), st.integers(1, 6))
def test_empirical_law_is_orthonormal_on_its_sample_and_ends_with_its_atoms(values, degree):
    distinct = len(set(values))
    if distinct < 2:
        with pytest.raises(ValueError, match="at least two values"):
            orthonormal_polynomials(values, degree)
        return
    found = orthonormal_polynomials(values, degree)
    assert found.degree == min(degree, distinct - 1)
    p = found(np.array(values, dtype=float))
    assert np.abs(p @ p.T / len(values) - np.eye(found.degree + 1)).max() < 1e-9


def test_golub_welsch_nodes_of_the_recurrence_are_the_gauss_nodes():
    found = orthonormal_polynomials(stats.uniform(-1, 2), 12)
    jacobi = np.diag(found.centre) + np.diag(found.spread[:-1], 1) + np.diag(found.spread[:-1], -1)
    np.testing.assert_allclose(np.linalg.eigvalsh(jacobi), special.roots_legendre(12)[0], atol=1e-13)


def test_random_signs_have_degree_one_only():
    found = orthonormal_polynomials("rademacher", 4)
    assert found.degree == 1
    np.testing.assert_array_equal(found([-1.0, 1.0]), [[1, 1], [-1, 1]])
    assert stieltjes(np.array([-1.0, 1.0]), np.array([0.5, 0.5]), 4)[1].tolist() == [1.0]


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("gaussian", "must be one of"),
        ("empirical", "needs a sample"),
        (stats.t(5), r"finite moments up to 2 \* degree = 8"),
        (stats.cauchy(), "finite moments"),
        ([], "at least two values"),
        ([2.0, 2.0], "at least two values"),
        ([1.0, np.nan], "finite"),
        (stats.randint(0, 10**7), "at most"),
    ],
)
def test_laws_without_polynomials_are_refused(law, message):
    with pytest.raises(ValueError, match=message):
        orthonormal_polynomials(law, 4)


def test_inputs_outside_the_law_are_refused_with_the_law():
    with pytest.raises(ValueError, match=r"support \[-1, 1\] of the law 'uniform'.*scipy\.stats\.uniform"):
        orthonormal_polynomials("uniform", 2).check(np.array([0.0, 1.2]))
    with pytest.raises(ValueError, match=r"discrete law 'rademacher', got 0\.5"):
        orthonormal_polynomials("rademacher", 2).check(np.array([-1.0, 0.5, 1.0]))
    for name in LAWS[:3]:
        orthonormal_polynomials(name, 2).check(np.array([-1.0, 1.0]))
