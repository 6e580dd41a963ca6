"""Capacities of many functions at once, with the floor of each, from sums over blocks of time.

Q holds the states as orthonormal columns (n, r), y a function of the input, centred and of unit length. The plug-in
capacity ``|beta|^2``, ``beta = Q^T y``, is the squared correlation of the best linear read-out. It is too large by the
noise that the read-out fits, ``E |Q^T e|^2`` for the residual e. With blocks of time b = 1 .. B that are longer than
the memory, ``u_b = Q_b^T e_b`` are independent and sum to zero, and

    floor = kappa sum_b |u_b|^2,   kappa = r / (r - sum_b |Q_b^T Q_b|_F^2)

estimates it whatever the correlation of e in time and with |q|^2. (For white y independent of Q, kappa makes it exact;
it is then r/(n - 1).) ``|beta|^2 - floor`` is the corrected capacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from linmem.capacity.information.terms import Products, evaluate, plan

_ROWS = 1024  # times at once: 4096 products of them are 32 MiB
_ENLARGED = 1e-7  # smaller directions are not brought to length 1 at once: their Gram matrix would be rounding
_STORE = 2**23  # entries of the block sums that are held at once, 64 MiB


@dataclass(frozen=True, eq=False)
class StateBasis:
    """The states as orthonormal columns.

    Attributes
    ----------
    columns : (n, r) centred and orthonormal, the same span as the centred states.
    rank : r, the number of linearly independent states.
    singular_values : (N,) of the states, centred and each scaled to length 1; zero for constant ones.
    tolerance : singular values up to this times the largest one count as zero.
    """

    columns: Float[np.ndarray, "n r"]
    singular_values: Float[np.ndarray, "N"]
    tolerance: float

    @property
    def rank(self) -> int:
        return self.columns.shape[1]


def state_basis(states: Float[np.ndarray, "n N"], tolerance: float | None = None) -> StateBasis:
    """Orthonormalise the states; the array passed is OVERWRITTEN and shared by the result.

    With the states centred and scaled to length 1, ``X = U S V^T``: S and V come from two Gram matrices, the second one
    of X in the directions of the first, each brought to length 1, but enlarged at most 1e7 times; so singular values
    are accurate to some 1e-15 of the largest. The columns ``X V S^-1`` of those above the tolerance are orthonormal up
    to rounding times S_1/S_r, which a last pass (Cholesky of their Gram matrix) removes. ``tolerance`` None is
    ``max(n, N) eps``, the rounding of X.

    Raises ValueError if every state is constant. Cost: about 6 n N^2 multiplications, no second copy of the states.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((100, 2))
    >>> basis = state_basis(np.column_stack([x, x[:, 0] - 2 * x[:, 1], np.ones(100)]))
    >>> basis.rank, np.allclose(basis.columns.T @ basis.columns, np.eye(2))
    (2, True)
    """
    n, N = states.shape
    mean, largest = states.mean(axis=0), np.abs(states).max(axis=0)
    starts = range(0, n, 256)
    spread = np.zeros(N)
    for start in starts:
        rows = states[start : start + starts.step]
        rows -= mean
        spread += np.einsum("ij,ij->j", rows, rows)
    spread = np.sqrt(spread)
    constant = spread <= 8 * np.finfo(float).eps * np.sqrt(n) * largest
    scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread))
    turn, back, triangle = np.diag(scale), np.eye(N), np.eye(N)
    for _ in range(2):
        gram = np.zeros((N, N))
        for start in starts:
            rows = states[start : start + starts.step] @ turn
            gram += rows.T @ rows
        squares, V = np.linalg.eigh(gram)
        root = np.sqrt(np.maximum(squares, 0.0))
        enlarged = np.maximum(root, _ENLARGED * (root[-1] or 1.0))
        triangle = root[:, None] * (V.T @ back)
        turn, back = turn @ (V / enlarged), enlarged[:, None] * (V.T @ back)
    _, s, vt = np.linalg.svd(triangle)
    limit = max(n, N) * np.finfo(float).eps if tolerance is None else tolerance
    r = int((s > limit * s[0]).sum())
    if r == 0:
        raise ValueError(f"states must vary in time, got {N} constant columns; drive the network with the input")
    turn = scale[:, None] * vt[:r].T / s[:r]
    for start in starts:
        states[start : start + starts.step, :r] = states[start : start + starts.step] @ turn
    columns = states[:, :r]
    columns -= columns.mean(axis=0)
    factor = np.linalg.inv(np.linalg.cholesky(columns.T @ columns)).T
    for start in starts:
        columns[start : start + starts.step] = columns[start : start + starts.step] @ factor
    return StateBasis(columns, s, limit)


@dataclass(frozen=True, eq=False)
class Capacities:
    """What the block sums give for K functions.

    Attributes
    ----------
    plug_in : (K,) squared correlation of the best linear read-out, in [0, 1], not corrected.
    floor : (K,) its estimated expectation if the true capacity were zero, and its bias otherwise.
    freedom : (K,) effective number of independent directions of ``Q^T e``, in [1, r] (Satterthwaite).
    influence : (K, B) contribution of each block to the fluctuation of ``plug_in``; rows sum to zero.
    """

    plug_in: Float[np.ndarray, "K"]
    floor: Float[np.ndarray, "K"]
    freedom: Float[np.ndarray, "K"]
    influence: Float[np.ndarray, "K B"]


def _shifted(Q: Float[np.ndarray, "n r"], start: int, stop: int, shift: int) -> Float[np.ndarray, "rows r"]:
    """Rows ``start + shift .. stop + shift - 1`` of Q, taken round the end."""
    n = len(Q)
    first, last = (start + shift) % n, (stop + shift - 1) % n + 1
    return Q[first:last] if first < last else np.concatenate([Q[first:], Q[:last]])


def _reduced(
    products: Float[np.ndarray, "B K r1"],
    squares: Float[np.ndarray, "B K"],
    grams: Float[np.ndarray, "B r1 r1"],
) -> Capacities:
    """Capacities from the block sums ``[Q_b, 1]^T y_b``, ``|y_b|^2`` and ``[Q_b, 1]^T [Q_b, 1]``."""
    B, _, r1 = products.shape
    r = r1 - 1
    steps = grams[:, r, r]
    sums = products[:, :, r]
    mean = sums.sum(axis=0) / steps.sum()
    squares = squares - 2 * mean * sums + steps[:, None] * mean**2
    centred = products[:, :, :r] - mean[None, :, None] * grams[:, None, r, :r]
    length = squares.sum(axis=0)
    if not length.min() > 0.0:
        raise ValueError("every function of the inputs must vary in time, got a constant one; pass a longer series")
    P, squares = centred / np.sqrt(length)[None, :, None], squares / length
    G = grams[:, :r, :r]
    beta = P.sum(axis=0)
    capacity = np.minimum(np.einsum("ki,ki->k", beta, beta), 1.0)
    fitted = beta @ G  # (B, K, r): Q_b^T Q_b beta
    influence = 2 * np.einsum("bki,ki->bk", P, beta) - np.einsum("bki,ki->bk", fitted, beta) - capacity * squares
    U = np.ascontiguousarray((P - fitted).transpose(1, 0, 2))
    gram = U @ U.transpose(0, 2, 1)
    trace = np.einsum("kbb->k", gram)
    m = B - 1
    second = (np.einsum("kbc,kbc->k", gram, gram) - trace**2 / m) / ((m - 1) * (m + 2))
    with np.errstate(divide="ignore", invalid="ignore"):  # a function in the span of the states has no noise
        freedom = np.clip(np.nan_to_num((trace / m) ** 2 / second, nan=1.0, posinf=r), 1.0, r)
    floor = trace * r / (r - float(np.einsum("bij,bij->", G, G)))
    return Capacities(capacity, floor, freedom, influence.T.copy())


def joined_capacities(parts: Sequence[Capacities]) -> Capacities:
    """The capacities of several lists of functions as one."""
    return Capacities(
        np.concatenate([part.plug_in for part in parts]),
        np.concatenate([part.floor for part in parts]),
        np.concatenate([part.freedom for part in parts]),
        np.concatenate([part.influence for part in parts]),
    )


def measure(
    Q: Float[np.ndarray, "n r"],
    table: Float[np.ndarray, "d T"],
    terms: Products,
    blocks: int,
    shifts: Sequence[int] = (0,),
) -> list[Capacities]:
    """Capacities of all products on orthonormal states, once for each circular shift of the states against the input.

    Parameters
    ----------
    Q : (n, r) from :func:`state_basis`; row t belongs to input ``T - n + t``.
    table : (degree + 1, T) polynomials of the inputs; T - n is at least the largest lag.
    terms : the K products.
    blocks : number B of blocks of time, >= 3.
    shifts : shift 0 is the measurement; other shifts break the relation to the input and give a null sample.

    Cost: 2 n K r multiplications a shift and 2 n K for the products; memory about 300 MiB beside the arguments.
    """
    n, r = Q.shape
    first = table.shape[1] - n
    edges = np.linspace(0, n, blocks + 1).astype(int)
    pieces = [(b, s, min(s + _ROWS, edges[b + 1])) for b in range(blocks) for s in range(edges[b], edges[b + 1], _ROWS)]

    def extended(start: int, stop: int, shift: int) -> Float[np.ndarray, "rows r1"]:
        return np.column_stack([_shifted(Q, start, stop, shift), np.ones(stop - start)])

    G = np.zeros((len(shifts), blocks, r + 1, r + 1))
    for b, start, stop in pieces:
        for i, shift in enumerate(shifts):
            part = extended(start, stop, shift)
            G[i, b] += part.T @ part
    size = max(64, min(4096, _STORE // (len(shifts) * blocks * (r + 1))))
    found: list[list[Capacities]] = [[] for _ in shifts]
    for head in range(0, len(terms), size):
        chosen = plan(terms[head : head + size])
        P = np.zeros((len(shifts), blocks, chosen.count, r + 1))
        squares = np.zeros((blocks, chosen.count))
        store = np.empty(chosen.count * _ROWS)
        for b, start, stop in pieces:
            out = store[: chosen.count * (stop - start)].reshape(chosen.count, stop - start)
            y = evaluate(table, chosen, first + start, out)
            squares[b] += np.einsum("kt,kt->k", y, y)
            for i, shift in enumerate(shifts):
                P[i, b] += y @ extended(start, stop, shift)
        for i in range(len(shifts)):
            found[i].append(_reduced(P[i], squares, G[i]))
    return [joined_capacities(parts) for parts in found]
