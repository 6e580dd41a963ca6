"""The slow flow of one spare neuron: plateaus far beyond what an integrator reaches, in logarithms.

Start: an exact fit rhohat(theta_0) = sum_j a_j e^{-v_j t} (m* neurons) and one spare neuron, amplitude 0, rate w. All
directions but w are stiff. Once they have relaxed, the loss is that of the best approximation of the bump rho_0 by
span{e^{-v_j t}, t e^{-v_j t}, e^{-wt}},

    J_eff(w) = const - q(w)^2/p(w),    q = <phi, rho_0>, p = ||phi||^2,

phi = e^{-wt} minus its projection on the first 2 m* functions; and w moves by dw/dt = (q^2/p)'. The transform of phi
vanishes doubly at the v_j and has poles at -w and, doubly, at the -v_j, which leaves one function:

    phihat(u) = prod_j ((w - v_j)/(w + v_j))^2 prod_j ((u - v_j)/(u + v_j))^2 / (u + w),
    p = phihat(w) = 1/(2w) prod_j ((w - v_j)/(w + v_j))^4,    phi = e^{-wt} + sum_j (A_j + B_j t) e^{-v_j t},

with A_j, B_j by partial fractions. A hitting time is int dw/|(q^2/p)'|, summed in logarithms: e^{1e5} is no problem.
The amplitude of the spare neuron is q/p; the other parameters follow it, and count in the displacement.

What is neglected is of relative order e^{-c0/omega}: the model is not linear in the stiff parameters. That order is
measured by Newton's method on the full loss (with the bump magnified if it is too small for doubles) and reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import brentq
from scipy.special import log_ndtr, logsumexp

from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.events import Displacement, FlowAccuracyError, HittingTime, LossDrop
from linmem.continuous.dynamics.field import FlowField
from linmem.kernels import GaussianBump
from linmem.kernels.quadrature import panel_rule

WORST = 0.05  # a reduction that is relatively less certain than this is refused
PANELS = 48


@dataclass(frozen=True)
class SlowFlow:
    """The slow flow of a problem with one spare neuron; all functions take w of shape (N,).

    rates : v_j, shape (m*,), distinct. amplitudes : a_j. start : w(0). bump : rho_0.
    """

    amplitudes: Float[np.ndarray, "m"]
    rates: Float[np.ndarray, "m"]
    start: float
    bump: GaussianBump

    def log_moments(self, w: Float[np.ndarray, "N"]) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
        """(log |M_0|, M_1/M_0) at w <= mu/s^2."""
        mu, s = self.bump.centre, self.bump.width
        x = mu / s - s * w
        logarithm = math.log(abs(self.bump.amplitude) * s * math.sqrt(2 * math.pi)) - w * mu + (s * w) ** 2 / 2
        hazard = np.exp(-x * x / 2 - log_ndtr(x)) / math.sqrt(2 * math.pi)
        return logarithm + log_ndtr(x), s * (x + hazard)

    def overlap(
        self, w: Float[np.ndarray, "N"]
    ) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
        """(scale, q e^{-scale}, q' e^{-scale})."""
        A, B, A1, B1 = self.partial_fractions(w)
        log_own, ratio_own = self.log_moments(w)
        log_fit, ratio_fit = self.log_moments(self.rates)
        scale = np.maximum(log_own, log_fit.max())
        own, fit = np.exp(log_own - scale), np.exp(log_fit - scale[:, None])
        q = own + ((A + B * ratio_fit) * fit).sum(1)
        slope = -ratio_own * own + ((A1 + B1 * ratio_fit) * fit).sum(1)
        return scale, q, slope

    def partial_fractions(self, w: Float[np.ndarray, "N"]) -> tuple[Float[np.ndarray, "N m"], ...]:
        """A_j, B_j and their derivatives in w."""
        v, gap = self.rates, w[:, None] - self.rates
        total = w[:, None] + v
        others = ~np.eye(v.size, dtype=bool)
        difference = np.where(others, v - v[:, None], 1.0)  # v_i - v_j in row j
        factor = 4 * v**2 * np.where(others, ((v + v[:, None]) / difference) ** 2, 1.0).prod(1)
        slope = -1 / v - 2 * np.where(others, 1 / (v + v[:, None]) + 1 / difference, 0.0).sum(1)
        square = ((gap / total) ** 2).prod(1)[:, None]
        growth = (2 / gap - 2 / total).sum(1)[:, None]  # (log square)'
        B = square * factor / gap
        B1 = B * (growth - 1 / gap)
        return B * (slope - 1 / gap), B, B1 * (slope - 1 / gap) + B / gap**2, B1

    def log_norm(self, w: Float[np.ndarray, "N"]) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
        """(log p, (log p)')."""
        gap, total = w[:, None] - self.rates, w[:, None] + self.rates
        return -np.log(2 * w) + 4 * np.log(np.abs(gap / total)).sum(1), -1 / w + 4 * (1 / gap - 1 / total).sum(1)

    def velocity(self, w: Float[np.ndarray, "N"]) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
        """(sign of dw/dt, log |dw/dt|)."""
        scale, q, slope = self.overlap(w)
        log_p, log_p_slope = self.log_norm(w)
        value = q * (2 * slope - q * log_p_slope)
        with np.errstate(divide="ignore"):
            return np.sign(value), 2 * scale - log_p + np.log(np.abs(value))

    def log_gain(self, w: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
        """log(J(0) - J_eff(w)), the loss gained so far: ||projection of rho_0||^2."""
        scale, q, _ = self.overlap(w)
        coefficients, moments, log_fit = self._projection()
        fixed = math.log(max(float(coefficients @ moments), 1e-300)) + 2 * log_fit
        with np.errstate(divide="ignore"):
            return np.logaddexp(2 * scale + 2 * np.log(np.abs(q)) - self.log_norm(w)[0], fixed)

    def log_response(self, w: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
        """log of the norm of all displacements that follow w: a_e, da_j and dw_j."""
        scale, q, _ = self.overlap(w)
        A, B, _, _ = self.partial_fractions(w)
        coefficients, _, log_fit = self._projection()
        m = self.rates.size
        own = q / np.exp(self.log_norm(w)[0])
        fit = np.exp(log_fit - scale)[:, None]
        da = coefficients[:m] * fit + own[:, None] * A
        dw = (coefficients[m:] * fit + own[:, None] * B) / self.amplitudes
        return scale + 0.5 * np.log(own**2 + (da**2 + dw**2).sum(1) + 1e-300)

    def _projection(self) -> tuple[Float[np.ndarray, "c"], Float[np.ndarray, "c"], float]:
        """Coefficients and moments of rho_0 on {e^{-v_j t}, t e^{-v_j t}}, and the logarithm of their common scale."""
        logs, ratios = self.log_moments(self.rates)
        top = float(logs.max())
        zeroth = np.exp(logs - top)
        sums = self.rates[:, None] + self.rates
        gram = np.block([[1 / sums, 1 / sums**2], [1 / sums**2, 2 / sums**3]])
        moments = np.concatenate([zeroth, ratios * zeroth])
        return np.linalg.solve(gram, moments), moments, top


@cites("linmem", "reduced slow flow")
def reduced_times(problem: DeviationLoss, events: tuple[Displacement | LossDrop, ...]) -> tuple[HittingTime, ...]:
    """Hitting times of the gradient flow from theta_0 by its slow flow, however long the plateau; see the module.

    Parameters
    ----------
    problem : fit with distinct fitted rates and exactly one neuron of amplitude 0; remainder a GaussianBump with
        mu >= s^2 w for all rates w.
    events : Displacement or LossDrop; a displacement counts the parameters that follow the spare rate.

    The error estimate is the sum of the neglected order, the relaxation time of the stiff directions and the quadrature
    error; it is an estimate, not a bound. A time above 1e308 is inf, with its logarithm in `log_time`. `reached` is
    False if the slow flow comes to rest before.

    Raises ValueError where the reduction does not apply (split or several spare neurons, a path across a fitted rate),
    FlowAccuracyError where its error estimate exceeds 5 %. Cost: 10 ms.

    >>> from linmem.kernels import ExponentialSum
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre=640.0))
    >>> [hit] = reduced_times(problem, (Displacement(0.1),))
    >>> f"{hit.log_time:.4f}", hit.log_error < 1e-6
    ('619.2299', True)
    """
    slow = slow_flow(problem)
    direction = float(slow.velocity(np.array([slow.start]))[0][0])
    if direction == 0:
        return tuple(HittingTime(event, math.inf, 0.0, reached=False) for event in events)
    barrier = _barrier(slow, direction)
    sensitivity = _sensitivity(problem, slow)
    return tuple(_hit(problem, slow, event, direction, barrier, sensitivity) for event in events)


def slow_flow(problem: DeviationLoss) -> SlowFlow:
    """The slow flow of a problem; ValueError where it has none."""
    a, w, bump = np.array(problem.fit.amplitudes), np.array(problem.fit.rates), problem.remainder
    spare = np.flatnonzero(a == 0)
    if spare.size != 1 or a.size < 2:
        raise ValueError(
            f"the reduced flow needs exactly one spare neuron (amplitude 0) beside the fitted ones, got "
            f"{spare.size} of {a.size}; use method='ode'"
        )
    if np.unique(w).size < w.size:
        raise ValueError(f"the reduced flow needs distinct rates (no split neuron), got {w.tolist()}; use method='ode'")
    if not isinstance(bump, GaussianBump) or bump.amplitude == 0:
        raise ValueError(f"the reduced flow needs a GaussianBump other than 0, got {bump!r}; use method='ode'")
    if bump.centre < bump.width**2 * w.max():
        raise ValueError(
            f"the reduced flow needs mu >= s^2 w for every rate, got mu = {bump.centre:g} and w = {w.max():g}; "
            "use method='ode'"
        )
    keep = a != 0
    return SlowFlow(a[keep], w[keep], float(w[spare[0]]), bump)


def _barrier(slow: SlowFlow, direction: float) -> float:
    """The rate that w cannot pass: the next fitted one, 0, or the end of the formula's range mu/s^2."""
    v = slow.rates
    if direction < 0:
        below = v[v < slow.start]
        return float(below.max()) if below.size else 0.0
    above = v[v > slow.start]
    return float(above.min()) if above.size else slow.bump.centre / slow.bump.width**2


def _hit(
    problem: DeviationLoss,
    slow: SlowFlow,
    event: Displacement | LossDrop,
    direction: float,
    barrier: float,
    sensitivity: tuple[float, float],
) -> HittingTime:
    room = abs(barrier - slow.start)

    def at(distance: float) -> Float[np.ndarray, "1"]:
        return np.array([slow.start + direction * distance])

    def excess(distance: float) -> float:
        if isinstance(event, LossDrop):
            return float(slow.log_gain(at(distance))[0]) - math.log(event.fraction * problem.start_loss)
        own = math.log(distance) if distance > 0 else -math.inf
        return float(np.logaddexp(2 * own, 2 * slow.log_response(at(distance))[0])) / 2 - math.log(event.delta)

    if excess(0.0) >= 0:
        raise ValueError(f"the reduced flow starts after {event}, which happens at once; use method='ode'")
    steps = room * (1 - np.geomspace(1e-9, 1.0, 400)[::-1])
    reached = next((i for i, d in enumerate(steps) if excess(float(d)) >= 0), None)
    end = steps[-1] if reached is None else float(brentq(excess, steps[reached - 1], steps[reached], xtol=1e-15))
    nodes, log_time, quadrature = _log_time(slow, direction, float(end))
    at_rest = slow.velocity(nodes)[0] != direction
    if at_rest.any() and slow.log_response(nodes)[at_rest.argmax()] < math.log(WORST):
        return HittingTime(event, math.inf, 0.0, reached=False)
    if reached is None or at_rest.any():
        raise ValueError(
            f"the spare rate {slow.start:g} would come to {barrier:g} or to rest before {event}, where the "
            "reduced flow ends; use method='ode'"
        )
    if barrier in slow.rates and np.any(slow.log_response(nodes) > math.log(0.1) + 2 * np.log(abs(nodes - barrier))):
        raise ValueError(
            f"the spare neuron comes so near to the one of rate {barrier:g} before {event} that it takes over its "
            "amplitude, where the reduced flow ends; use method='ode'"
        )
    nonlinear, relaxation = sensitivity
    weights = _log_weights(slow, direction, float(end), PANELS)[1]
    neglected = np.log(2 * nonlinear + 1e-300) + slow.log_response(nodes)
    error = float(np.exp(logsumexp(weights + np.minimum(neglected, 0.0)) - log_time))
    error += quadrature + float(np.exp(min(math.log(2 * relaxation) - log_time, 300.0)))
    if not error <= WORST:
        raise FlowAccuracyError(
            f"the reduced flow is uncertain by {error:.1e} of its time for {event}; use method='ode' or a longer memory"
        )
    time = math.exp(log_time) if log_time < 709 else math.inf
    return HittingTime(event, time, error * time, reached=True, log_time=log_time, log_error=error)


def _log_weights(
    slow: SlowFlow, direction: float, end: float, panels: int
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Nodes w and log(weight/|dw/dt|) on panels that shrink geometrically towards the start."""
    edges = np.concatenate([[0.0], np.geomspace(1e-13, 1.0, panels)])
    nodes, weights = panel_rule(edges * end)
    w = slow.start + direction * nodes
    return w, np.log(weights) - slow.velocity(w)[1]


def _log_time(slow: SlowFlow, direction: float, end: float) -> tuple[Float[np.ndarray, "N"], float, float]:
    """(nodes, log int dw/|dw/dt|, relative error by doubling the panels)."""
    nodes, terms = _log_weights(slow, direction, end, PANELS)
    time = float(logsumexp(terms))
    twice = float(logsumexp(_log_weights(slow, direction, end, 2 * PANELS)[1]))
    return nodes, time, abs(time - twice) + 4 * float(np.finfo(float).eps) * abs(time)


def _sensitivity(problem: DeviationLoss, slow: SlowFlow) -> tuple[float, float]:
    """(relative change of dw/dt by the neglected order, per norm of the response; relaxation time 1/lambda_min).

    The stiff parameters are solved for at the start's w by Newton's method on the full loss, with the bump magnified
    until their displacement is 1e-5.
    """
    w = np.array([slow.start])
    log_response = float(slow.log_response(w)[0])
    magnify = max(0.0, math.log(1e-5) - log_response)
    bump = slow.bump
    if magnify > 600:  # an order e^{-600} is below every rounding
        field = FlowField(problem, np.zeros(2 * problem.size))
        return 0.0, _relaxation(field)[1]
    larger = GaussianBump(bump.centre, bump.width, bump.amplitude * math.exp(magnify))
    field = FlowField(DeviationLoss(problem.fit, larger), np.zeros(2 * problem.size))
    stiff, time = _relaxation(field)
    y = field.start.copy()
    for _ in range(6):
        speed = field.velocity(y)[0]
        y[stiff] -= np.linalg.solve(field.jacobian(y)[np.ix_(stiff, stiff)], speed[stiff])
    exact = float(np.delete(field.velocity(y)[0], stiff)[0])
    sign, log_speed = slow.velocity(w)
    linear = float(sign[0]) * math.exp(float(log_speed[0]) + 2 * magnify)
    change = abs(linear / exact - 1) if exact else math.inf
    return change / math.exp(log_response + magnify), time


def _relaxation(field: FlowField) -> tuple[Int[np.ndarray, "s"], float]:
    """(indices of the stiff coordinates of the field, 1/(their slowest relaxation rate))."""
    jacobian = field.jacobian(field.start)
    stiff = np.delete(np.arange(field.start.size), field.spare)
    eigenvalues = np.linalg.eigvals(-jacobian[np.ix_(stiff, stiff)]).real
    return stiff, 1 / float(max(eigenvalues.min(), 1e-300))
