"""The shapes written in annotations are checked in tests: a wrong one is caught, inside the library and in results."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.discrete.recovery.quadratic import from_matrix
from linmem.kernels import ExponentialSum, GaussianBump
from linmem.kernels.exponential import _zeros


def test_arguments_of_internal_functions():
    X = np.ones((3, 5))
    from_matrix(X, np.ones(3), 1.0)
    with pytest.raises(TypeCheckError):
        from_matrix(X, np.ones(4), 1.0)  # "m" is 3 already
    with pytest.raises(TypeCheckError):
        _zeros(np.ones((2, 1)), np.ones(2))


def test_results(monkeypatch):
    problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), GaussianBump(5.0))
    assert problem.gradient(np.zeros(4)).shape == (4,)
    monkeypatch.setattr(GaussianBump, "knots", lambda self: np.ones((2, 2)))
    assert GaussianBump(5.0).knots().shape == (2, 2)  # the replacement is not checked, the library's own methods are
    with pytest.raises(TypeCheckError):
        (GaussianBump(5.0) * 2.0).knots()
