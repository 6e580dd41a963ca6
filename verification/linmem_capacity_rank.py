"""The rank of the Krylov matrix: exact arithmetic against floating point."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from linmem.capacity.linear import kalman_rank
from linmem.capacity.systems import random_connectivity, random_mask
from linmem.claims import Evidence, Measurement, Scale, claim

KINDS = ("normal", "uniform", "sparse")
SHARE = 0.95
HIDDEN = 40


def _unimodular(N: int, rng: np.random.Generator) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N N"]]:
    """An integer matrix of determinant 1 and its inverse: a product of 2 N elementary ones."""
    T, inverse = np.eye(N), np.eye(N)
    for _ in range(2 * N):
        i, j = rng.choice(N, 2, replace=False)
        sign = rng.choice([-1.0, 1.0])
        T[i] += sign * T[j]
        inverse[:, j] -= sign * inverse[:, i]
    return T, inverse


def _hidden(
    n: int, N: int, rng: np.random.Generator, leak: float
) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N"]]:
    """An integer pair in which n of N dimensions are reached: companion block, triangular rest, hidden by a similarity.

    A non-zero ``leak`` from the first state into the rest breaks that.
    """
    A = np.triu(rng.integers(-2, 3, (N, N)).astype(float))
    A[:n, :n] = np.eye(n, k=-1)
    A[:n, n - 1] = rng.integers(-2, 3, n)
    A[n, n - 1] = leak
    T, inverse = _unimodular(N, rng)
    turned = T @ A @ inverse
    if not np.abs(T).max() * np.abs(A).sum() * np.abs(inverse).max() < 2.0**53:
        raise ArithmeticError("the hidden pair is not exact in double precision; use fewer elementary matrices")
    return turned, T[:, 0]


def _ranks(scale: Scale, rng: np.random.Generator, *, exact: bool = True, leak: float = 0.0) -> Evidence:
    N, draws, hidden = scale.pick(quick=(100, 3, 4), paper=(200, 10, 20))
    rows: list[dict[str, object]] = []
    for kind in KINDS:
        for draw in range(draws):
            A, C = random_connectivity(N, kind, rng=rng), random_mask(N, rng=rng)
            rows.append(
                {
                    "kind": kind,
                    "draw": draw,
                    "states": N,
                    "true": N,
                    "exact": kalman_rank(A, C, exact=exact),
                    "floating": kalman_rank(A, C, exact=False),
                }
            )
    for draw in range(hidden):
        n = int(rng.integers(1, HIDDEN))
        pair = _hidden(n, HIDDEN, rng, leak)
        rows.append(
            {
                "kind": "hidden",
                "draw": draw,
                "states": HIDDEN,
                "true": n,
                "exact": kalman_rank(*pair, exact=exact),
                "floating": kalman_rank(*pair, exact=False),
            }
        )
    table = pd.DataFrame(rows)
    random = table[table["kind"] != "hidden"]
    constructed = table[table["kind"] == "hidden"]
    return Evidence(
        [
            Measurement("random networks: smallest exact rank", float(random["exact"].min()), "==", N),
            Measurement(
                "random networks: largest floating-point rank", float(random["floating"].max()), "<=", SHARE * N
            ),
            Measurement(
                "constructed pairs: largest difference of the exact rank from the known one",
                float((constructed["exact"] - constructed["true"]).abs().max()),
                "==",
                0,
            ),
        ],
        table,
        note=f"{draws} draws of each kind at N = {N}; {hidden} integer pairs of {HIDDEN} states",
    )


@claim(
    "linmem/exact-rank",
    source="linmem",
    locator="exact Kalman rank",
    kind="certified",
    statement=(
        r"The rank of the controllability matrix $[C, AC, \dots, A^{N-1}C]$, which is the total memory capacity, can "
        r"be computed exactly: doubles are dyadic rationals, and the rank modulo a prime is a lower bound. "
        r"Random networks with $N = 100$ states have rank $N$, where the numerical rank in double precision is at most "
        r"$0.95 N$, even with all columns scaled to norm 1. Pairs built to reach $n < N$ dimensions have rank $n$."
    ),
    assumptions=[
        r"$A$ with iid normal, uniform, or sparse normal entries (density $0.1$), $C$ iid normal, as doubles",
        r"numerical rank: singular values above $2^{-52} N$ times the largest",
        r"constructed pairs: integer entries, rank at most $n$ by construction, so that the lower bound $n$ is exact",
    ],
)
def exact_rank(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Lower bounds modulo a prime meet the upper bounds N and n."""
    return _ranks(scale, rng)


@exact_rank.control("the numerical rank in place of the exact one")
def exact_rank_floating(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _ranks(scale, rng, exact=False)


@exact_rank.control("constructed pairs with a weight from the reached states into the others")
def exact_rank_leak(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _ranks(scale, rng, leak=1.0)
