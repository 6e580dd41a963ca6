"""What a recovery is given: a network or an operator, and a state."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import (
    DenseOperator,
    NormalOperator,
    SequenceOperator,
    normal_operator,
    sequence_operator,
)
from linmem.discrete.operators.cost import METHODS, cheapest
from linmem.discrete.operators.normal import ProductNormal


def resolve_target(
    target: RandomNetwork | SequenceOperator, N: int | None, basis: BasisLike
) -> tuple[SequenceOperator, float]:
    """The operator of a recovery, and the seconds spent on building it (0 if it was passed)."""
    if isinstance(target, SequenceOperator):
        if basis is not None or (N is not None and target.N != N):
            raise ValueError(
                f"an operator has its own N = {target.N} and basis, got N = {N} and basis {type(basis).__name__}; "
                "leave both out, or pass the network"
            )
        return target, 0.0
    if not isinstance(target, RandomNetwork):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"target must be a RandomNetwork or a SequenceOperator, got {type(target).__name__}; pass one")
    if N is None:
        raise ValueError("N (time steps to recover) must be given with a network, got None; pass N=...")
    start = time.perf_counter()
    return sequence_operator(target, N, basis=basis), time.perf_counter() - start


def resolve_normal(operator: SequenceOperator, normal: NormalOperator | None) -> tuple[NormalOperator, float]:
    """The normal operator that belongs to an operator, and the seconds spent on building it (0 if it was passed)."""
    if normal is None:
        start, network = time.perf_counter(), operator.network
        if isinstance(operator, DenseOperator) and cheapest(METHODS, network.M, operator.N, operator.L, 100) == "dense":
            return ProductNormal(operator, "dense"), 0.0
        return normal_operator(network, operator.N, basis=operator.basis), time.perf_counter() - start
    if normal.network is not operator.network or normal.shape[0] != operator.shape[1]:
        raise ValueError(
            f"normal must belong to the same network and N = {operator.N} steps, got one of shape {normal.shape}; "
            "pass normal_operator(network, N, basis=basis)"
        )
    return normal, 0.0


def resolve_state(operator: SequenceOperator, state: ArrayLike) -> Float[np.ndarray, "M"]:
    """The checked state vector of length M."""
    return check_array("state", state, shape=(operator.network.M,))
