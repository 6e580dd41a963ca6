"""Graded quadrature for the error rho - rhohat of a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from linmem.continuous.approximation.modes import Modes
from linmem.kernels import Kernel
from linmem.kernels.quadrature import panel_rule, refined

COUNT = 8  # Gauss-Legendre nodes a panel: 3e-10 for an oscillation by PHASE, 1e-12 for (1 + t)^-1 on [1, 3]
PHASE = 5.0
DEAD = 40.0  # e^-40 is nothing
EARLY = 1e-4  # part of the mass whose arrival time sets the scale of the fastest rate allowed


@dataclass(frozen=True)
class Target:
    """A kernel with what every step of a fit asks of it, computed once.

    knots : its panel edges; beyond the last one it counts as 0. norms : ||rho||_1 and ||rho||_2.
    times, masses : int_0^t |rho| at the nodes t of its panels, as parts of the whole.
    """

    kernel: Kernel
    knots: Float[np.ndarray, "K"]
    norms: tuple[float, float]
    times: Float[np.ndarray, "N"]
    masses: Float[np.ndarray, "N"]

    @classmethod
    def of(cls, kernel: Kernel) -> Target:
        """ValueError for a kernel that is zero, and from its norms for one that is not integrable."""
        norms = kernel.l1_norm(), kernel.l2_norm()
        if not (norms[0] > 0 and norms[1] > 0):
            raise ValueError(f"kernel must not be zero (a relative error is asked for), got L1 norm {norms[0]!r}")
        knots = kernel.knots()
        nodes, weights = panel_rule(knots)
        masses = np.cumsum(np.abs(weights * kernel(nodes)))
        return cls(kernel, knots, norms, nodes, masses / masses[-1])

    def __call__(self, t: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
        """rho(t), 0 beyond the last knot."""
        end = float(self.knots[-1])
        return np.where(t <= end, self.kernel(np.minimum(t, end)), 0.0)

    def arrival(self, part: float) -> float:
        """The time until which this part of int |rho| has arrived, to the resolution of the panels."""
        return float(self.times[min(int(np.searchsorted(self.masses, part)), self.times.size - 1)])

    def beyond(self, start: float, power: int) -> float:
        """int |rho|^power from `start` on."""
        rest = self.knots[self.knots > start]
        if not rest.size:
            return 0.0
        nodes, weights = panel_rule(np.append(start, rest))
        return float(weights @ np.abs(self(nodes)) ** power)


@dataclass(frozen=True)
class Grid:
    """Nodes t_i and weights g_i of a composite rule, with the target's values and the length of each node's panel.

    Resolves modes with rates in [slowest, fastest], and the oscillations of the modes it was made for.
    """

    edges: Float[np.ndarray, "K"]
    nodes: Float[np.ndarray, "N"]
    weights: Float[np.ndarray, "N"]
    values: Float[np.ndarray, "N"]
    lengths: Float[np.ndarray, "N"]
    slowest: float
    fastest: float


def error_grid(target: Target, modes: Modes, margin: float = 1e4) -> Grid:
    """A grid for fits with rates up to `margin` times slower or faster than those of `modes`.

    The target's own panels, cut where every such mode has died out (w t = 40), refined geometrically towards 0 and
    extended to that time; panels of length PHASE/beta while an oscillation of frequency beta lasts.
    """
    damping = np.concatenate([modes.real, modes.damping])
    speed = np.concatenate([modes.real, np.abs(modes.complex_rates)])
    slowest = max(float(damping.min()) / margin, 1e-3 / float(target.knots[-1]))
    fastest = min(float(speed.max()) * margin, 1e4 / target.arrival(EARLY))
    end, first = DEAD / slowest, 2 / fastest
    count = int(np.ceil(np.log2(max(end / first, 2.0)))) + 1
    edges = np.unique(np.concatenate([target.knots, [0.0, end], first * 2.0 ** np.arange(count)]))
    edges = edges[edges <= end]
    edges = edges[np.append(np.diff(edges) > 1e-13 * edges[1:], True)]
    if modes.damping.size:
        alive = np.multiply.outer(edges[:-1], modes.damping) < DEAD
        edges = refined(edges, np.max(np.abs(modes.frequency) * alive, axis=1), PHASE)
    nodes, weights = panel_rule(edges, COUNT)
    return Grid(edges, nodes, weights, target(nodes), np.repeat(np.diff(edges), COUNT), slowest, fastest)
