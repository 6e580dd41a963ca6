"""The sparse recovery behind the scikit-learn interface.

Two estimators, because the word "sample" means two things. :class:`CertifiedLasso` is a linear model like
``sklearn.linear_model.Lasso``: samples are rows of a design matrix (for a network: its nodes), the coefficients are
what is recovered. :class:`SequenceLasso` decodes: samples are states of one network, the targets are the input
sequences that led to them; the network is given, so that fitting learns nothing and predicting solves one LASSO for
each state. With it, penalties, bases and lengths are chosen by ``GridSearchCV`` on states whose inputs are known.

This module imports scikit-learn; :mod:`linmem.discrete.recovery` loads it on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import NormalOperator, SequenceOperator, normal_operator, sequence_operator
from linmem.discrete.recovery.batch import lasso_batch
from linmem.discrete.recovery.core import solve
from linmem.discrete.recovery.quadratic import from_matrix
from linmem.discrete.recovery.result import Recovery, warn_not_converged

_validated: Callable[..., Any] = validate_data  # typed by its default value in scikit-learn


class CertifiedLasso(RegressorMixin, BaseEstimator):
    """Linear model with an l1 penalty: ``min_w 1/(2 n) ||y - X w - w_0||^2 + alpha ||w||_1`` to a certified gap.

    The objective and its scaling by the number n of samples are those of ``sklearn.linear_model.Lasso``; in the
    notation of :func:`linmem.discrete.lasso`, ``lam = n alpha``.

    Parameters
    ----------
    alpha : penalty, > 0.
    fit_intercept : whether to fit the constant w_0, which is not penalised (X and y are centred).
    tol : largest accepted relative duality gap, > 0.
    max_iter : cap on the number of iterations.

    Attributes
    ----------
    coef_ : (p,) coefficients w.
    intercept_ : the constant w_0.
    dual_gap_ : duality gap in the units of the objective above; ``gap_`` is the same relative to the objective.
    objective_ : value of the objective.
    n_iter_ : number of iterations.
    n_features_in_ : p.

    Warns
    -----
    NotConvergedWarning : if the cap is reached first; the warning carries the gap.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 100))
    >>> model = CertifiedLasso(alpha=0.01).fit(X, X[:, 3] - 2 * X[:, 7])
    >>> np.flatnonzero(np.abs(model.coef_) > 0.1).tolist(), model.gap_ <= 1e-6
    ([3, 7], True)
    """

    coef_: Float[np.ndarray, "p"]
    intercept_: float
    dual_gap_: float
    gap_: float
    objective_: float
    n_iter_: int
    n_features_in_: int

    def __init__(
        self, alpha: float = 1.0, *, fit_intercept: bool = True, tol: float = 1e-6, max_iter: int = 50_000
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Solve the LASSO for a design matrix X (n, p) and targets y (n,).

        Raises
        ------
        ValueError : if alpha or tol is not positive, a shape is wrong, or an entry is not finite.
        """
        alpha, tol = check_positive("alpha", self.alpha), check_positive("tol", self.tol)
        max_iter = check_integer("max_iter", self.max_iter, minimum=1)
        matrix, targets = _validated(self, X, y, dtype=np.float64, y_numeric=True)
        targets = np.asarray(targets, dtype=np.float64)
        centre = matrix.mean(axis=0) if self.fit_intercept else np.zeros(matrix.shape[1])
        level = float(targets.mean()) if self.fit_intercept else 0.0
        n = matrix.shape[0]
        found = solve(from_matrix(matrix - centre, targets - level, n * alpha), tol, max_iter)
        self.coef_ = found.x
        self.intercept_ = level - float(centre @ self.coef_)
        self.objective_, self.gap_ = found.objective / n, found.gap
        self.dual_gap_ = self.gap_ * self.objective_
        self.n_iter_ = found.iterations
        if self.gap_ > tol:
            warn_not_converged("CertifiedLasso.fit", self.n_iter_, self.gap_, tol)
        return self

    def predict(self, X: ArrayLike) -> Float[np.ndarray, "n"]:
        """``X w + w_0`` for (n, p) rows X."""
        check_is_fitted(self)
        matrix = _validated(self, X, dtype=np.float64, reset=False)
        return matrix @ self.coef_ + self.intercept_


@cites("charles2018", "Simulations, LASSO recovery")
class SequenceLasso(RegressorMixin, BaseEstimator):
    """Decoder of the states of one network: each row of X is a state x[N], each row of y the input that led to it.

    Parameters
    ----------
    network : the network.
    n_steps : number N of time steps to recover.
    basis : temporal basis, as in :func:`linmem.discrete.sequence_operator`.
    lam, noise : penalty, or standard deviation of the noise in each state entry, as in :func:`linmem.discrete.lasso`;
        exactly one of them. ``GridSearchCV`` over either chooses the penalty on states whose inputs are known.
    tol, max_iter : as in ``lasso``.

    Attributes
    ----------
    operator_, normal_ : the operator and its normal operator, built once by ``fit``.
    n_features_in_ : number M of nodes.

    >>> from linmem.discrete import sparse_signal
    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> inputs = np.stack([sparse_signal(N=20, L=5, K=4, rng=trial).sequence for trial in range(3)])
    >>> states = np.stack([network.simulate(S) for S in inputs])
    >>> model = SequenceLasso(network, n_steps=20, lam=1e-3).fit(states)
    >>> model.predict(states).shape, bool(model.score(states, inputs.reshape(3, -1)) > 0.99)
    ((3, 100), True)
    """

    operator_: SequenceOperator
    normal_: NormalOperator
    n_features_in_: int

    def __init__(
        self,
        network: RandomNetwork,
        n_steps: int,
        basis: BasisLike = None,
        *,
        lam: float | None = None,
        noise: float | None = None,
        tol: float = 1e-6,
        max_iter: int = 50_000,
    ) -> None:
        self.network = network
        self.n_steps = n_steps
        self.basis = basis
        self.lam = lam
        self.noise = noise
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Build the operator and check the states X (B, M); nothing is learned from them or from y (B, N L).

        Raises
        ------
        ValueError : if not exactly one of lam and noise is given, a size is wrong, or an entry is not finite.
        """
        if (self.lam is None) == (self.noise is None):
            raise ValueError(
                f"exactly one of lam and noise must be given, got lam={self.lam!r}, noise={self.noise!r}; pass one"
            )
        operator = sequence_operator(self.network, self.n_steps, basis=self.basis)
        states = check_array("X", X, shape=(None, operator.network.M))
        if y is not None:
            check_array("y", y, shape=(len(states), operator.shape[1]))
        self.operator_ = operator
        self.normal_ = normal_operator(self.network, operator.N, basis=operator.basis)
        self.n_features_in_ = operator.network.M
        return self

    def recover(self, X: ArrayLike) -> list[Recovery]:
        """The recoveries of (B, M) states with their certificates."""
        check_is_fitted(self)
        return lasso_batch(
            self.operator_,
            X,
            lam=self.lam,
            noise=self.noise,
            normal=self.normal_,
            tol=self.tol,
            max_iter=self.max_iter,
        )

    def predict(self, X: ArrayLike) -> Float[np.ndarray, "B NL"]:
        """The recovered sequences of (B, M) states, each flattened: row i is ``estimate.ravel()`` of (N, L)."""
        return np.stack([recovery.estimate.ravel() for recovery in self.recover(X)])

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """``1 - ||y - predict(X)||_F^2 / ||y||_F^2``, 1 for perfect recovery, with weights (B,) of the rows.

        The coefficient of determination of each entry, which other regressors score by, has no meaning for entries
        that are zero in most sequences.
        """
        estimate = self.predict(X)
        truth = check_array("y", y, shape=estimate.shape)
        count = len(truth)
        weights = (
            np.ones(count) if sample_weight is None else check_array("sample_weight", sample_weight, shape=(count,))
        )
        size = float(weights @ (truth**2).sum(axis=1))
        if size == 0.0:
            raise ValueError("y must not be zero (the score divides by its energy), got zeros; pass other sequences")
        return 1.0 - float(weights @ ((truth - estimate) ** 2).sum(axis=1)) / size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags
