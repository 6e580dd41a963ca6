"""Input masks C, seeded: the weights by which an input enters the states."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from linmem.capacity.systems.connectivity import DENSITY
from linmem.checks import check_choice, check_generator, check_integer, check_positive

MASKS = ("normal", "uniform", "sign", "sparse", "alternating", "constant", "unit")
_NOT_DRAWN = ("alternating", "constant", "unit")
_ONE_INPUT = ("alternating", "constant")


def random_mask(
    N: int,
    kind: str = "normal",
    *,
    inputs: int | None = None,
    scale: float = 1.0,
    density: float | None = None,
    rng: int | np.random.Generator | None = None,
) -> Float[np.ndarray, "N"] | Float[np.ndarray, "N d"]:
    """An input mask C of N states, times ``scale``.

    =================  ===============================================================================================
    ``"normal"``       iid N(0, 1) entries
    ``"uniform"``      iid entries, uniform on (-1, 1)
    ``"sign"``         +1 or -1 with equal probability
    ``"sparse"``       each entry non-zero with probability ``density``, then N(0, 1); at least one in each column
    ``"alternating"``  +1, -1, +1, ..
    ``"constant"``     all 1
    ``"unit"``         1 in the first entry, 0 elsewhere (input k enters state k)
    =================  ===============================================================================================

    The memory curve of a controllable linear network does not depend on C; that of a non-linear one does.

    Parameters
    ----------
    N : state size N (Jaeger's N).
    inputs : number d of inputs; the mask has shape (N, d) then, and shape (N,) if it is None. ``"alternating"`` and
        ``"constant"`` have one input only (two equal columns would be one input), ``"unit"`` at most N.
    scale : factor of all entries, > 0.
    density : in (0, 1]; only for ``"sparse"``, 0.1 unless stated.
    rng : seed or generator. The last three kinds use none and need none.

    Raises
    ------
    ValueError : for an option or a number of inputs that the kind does not have.

    >>> random_mask(4, "alternating", scale=0.5)
    array([ 0.5, -0.5,  0.5, -0.5])
    >>> random_mask(4, "sign", inputs=2, rng=0).shape
    (4, 2)
    """
    size, name = check_integer("N", N, minimum=1), check_choice("kind", kind, MASKS)
    factor, count = check_positive("scale", scale), 1
    if inputs is not None:
        count = check_integer("inputs", inputs, minimum=1, maximum=size if name == "unit" else None)
        if name in _ONE_INPUT and count > 1:
            raise ValueError(f"a mask of kind {name!r} has one input, got inputs={count}; choose another kind")
    share = DENSITY
    if density is not None:
        if name != "sparse":
            raise ValueError(f"density applies to kind 'sparse', got kind {name!r}; leave it out")
        share = check_positive("density", density)
        if share > 1:
            raise ValueError(f"density must be <= 1, got {share}; pass the share of non-zero entries")
    shape = (size, count)
    C = _fixed(name, shape) if name in _NOT_DRAWN else _drawn(name, shape, share, check_generator("rng", rng))
    return factor * (C[:, 0] if inputs is None else C)


def _fixed(kind: str, shape: tuple[int, int]) -> Float[np.ndarray, "N d"]:
    if kind == "unit":
        return np.eye(*shape)
    if kind == "constant":
        return np.ones(shape)
    return np.where(np.arange(shape[0]) % 2 == 0, 1.0, -1.0)[:, None]


def _drawn(
    kind: str, shape: tuple[int, int], density: float, generator: np.random.Generator
) -> Float[np.ndarray, "N d"]:
    if kind == "uniform":
        return generator.uniform(-1.0, 1.0, shape)
    if kind == "sign":
        return generator.choice([-1.0, 1.0], size=shape)
    C = generator.standard_normal(shape)
    if kind == "sparse":
        keep = generator.random(shape) < density
        keep[generator.integers(shape[0], size=shape[1]), np.arange(shape[1])] = True
        return np.where(keep, C, 0.0)
    return C
