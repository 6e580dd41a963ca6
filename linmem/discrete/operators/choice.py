"""Which representation of the operator, and of the normal operator, serves which size."""

from __future__ import annotations

from linmem.checks import check_choice, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import SequenceOperator, check_network
from linmem.discrete.operators.cost import METHODS, cheapest
from linmem.discrete.operators.dense import DenseOperator
from linmem.discrete.operators.gemm import GemmOperator
from linmem.discrete.operators.normal import NormalOperator, ProductNormal
from linmem.discrete.operators.nufft import NufftOperator
from linmem.discrete.operators.toeplitz import ToeplitzNormal

OPERATORS = {"dense": DenseOperator, "gemm": GemmOperator, "nufft": NufftOperator}


def _choose(method: str, methods: tuple[str, ...], network: RandomNetwork, N: int, products: float) -> str:
    """The method that is asked for, after the checks of what the caller passed."""
    check_network(network)
    chosen = check_choice("method", method, ("auto", *methods))
    steps, pairs = check_integer("N", N, minimum=1), check_positive("products", products)
    return cheapest(methods, network.M, steps, network.L, pairs) if chosen == "auto" else chosen


@cites("charles2018", "x[N] = A(S)")
def sequence_operator(
    network: RandomNetwork, N: int, method: str = "auto", basis: BasisLike = None, *, products: float = 100
) -> SequenceOperator:
    """The map from N steps of input to the final state of a network that starts at rest.

    Parameters
    ----------
    network : the network (M nodes, L streams).
    N : number of time steps, >= 1.
    method : "dense" (stored matrix), "gemm" (factored), "nufft" (finufft) or "auto": the least predicted time of build
        and products, see :mod:`linmem.discrete.operators.cost`.
    basis : the temporal basis Psi of the coefficients, see :func:`~linmem.discrete.model.bases.temporal_basis`.
    products : how many products with A and its adjoint are expected, each; weighs the build in "auto".

    Returns
    -------
    A scipy ``LinearOperator`` of shape (M, N L) acting on ``C.ravel()``, with ``.T`` as its adjoint.

    Raises
    ------
    TypeError : if the network is not a RandomNetwork.
    ValueError : if the method is unknown, N < 1, products <= 0 or the basis is not one of N steps (and L streams).

    >>> import numpy as np
    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> S = np.arange(8.0).reshape(4, 2)
    >>> bool(np.allclose(sequence_operator(network, 4).state(S), network.simulate(S), rtol=1e-13))
    True
    """
    return OPERATORS[_choose(method, tuple(OPERATORS), network, N, products)](network, N, basis)


@cites("charles2018", "x[N] = A(S)")
def normal_operator(
    network: RandomNetwork, N: int, method: str = "auto", basis: BasisLike = None, *, products: float = 100
) -> NormalOperator:
    """The normal operator ``A^T A`` of :func:`sequence_operator`.

    Parameters
    ----------
    network, N, basis : as for :func:`sequence_operator`.
    method : "toeplitz" (convolution in time, whose products do not depend on M), "dense", "gemm" or "nufft" (a product
        with A in that representation, then one with its adjoint), or "auto": the least predicted time of build and
        products.
    products : how many products are expected; weighs the build in "auto".

    Returns
    -------
    A symmetric scipy ``LinearOperator`` of shape (N L, N L) with the additional methods ``apply`` (arrays (N, L) or
    batches (B, N, L), unchecked), ``gram`` (blocks ``A_J^T A_J``), ``diagonal`` and ``largest``.

    Raises
    ------
    As for :func:`sequence_operator`.

    >>> import numpy as np
    >>> normal = normal_operator(RandomNetwork(M=6, L=2, seed=0), N=4, method="toeplitz")
    >>> bool(np.allclose(normal.gram([0, 3])[0, 1], (normal @ np.eye(8))[0, 3], rtol=1e-12))
    True
    """
    chosen = _choose(method, METHODS, network, N, products)
    if chosen == "toeplitz":
        return ToeplitzNormal(network, N, basis)
    return ProductNormal(OPERATORS[chosen](network, N, basis), chosen)
