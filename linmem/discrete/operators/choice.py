"""Which representation of the operator serves which size."""

from __future__ import annotations

from linmem.checks import check_choice, check_integer
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import SequenceOperator
from linmem.discrete.operators.dense import DenseOperator
from linmem.discrete.operators.gemm import GemmOperator

METHODS = ("auto", "dense", "gemm")
DENSE_LIMIT = 2**18
"""``method="auto"`` stores the matrix up to this many entries (2 MiB): beyond the cache GEMM is faster."""


@cites("charles2018", "x[N] = A(S)")
def sequence_operator(
    network: RandomNetwork, N: int, method: str = "auto", basis: BasisLike = None
) -> SequenceOperator:
    """The map from N steps of input to the final state of a network that starts at rest.

    Parameters
    ----------
    network : the network (M nodes, L streams).
    N : number of time steps, >= 1.
    method : "dense" (stored matrix), "gemm" (factored) or "auto": dense while the matrix has at most
        :data:`DENSE_LIMIT` entries, else gemm.
    basis : None or "canonical", or an orthonormal (N, N) matrix whose columns are the temporal atoms of every stream.

    Returns
    -------
    A scipy ``LinearOperator`` of shape (M, N L) acting on ``C.ravel()``, with ``.T`` as its adjoint.

    Raises
    ------
    ValueError : if the method is unknown, N < 1 or the basis is not an orthonormal (N, N) matrix.

    >>> import numpy as np
    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> S = np.arange(8.0).reshape(4, 2)
    >>> bool(np.allclose(sequence_operator(network, 4).state(S), network.simulate(S), rtol=1e-13))
    True
    """
    method = check_choice("method", method, METHODS)
    check_integer("N", N, minimum=1)
    if method == "auto":
        method = "dense" if network.M * N * network.L <= DENSE_LIMIT else "gemm"
    return DenseOperator(network, N, basis) if method == "dense" else GemmOperator(network, N, basis)
