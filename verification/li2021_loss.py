"""Claims of Li, Han, E and Li (2021), the curse of memory: the training loss in closed form.

The paper's theorems are named as they are quoted in the statements below; its full text was not at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import mpmath as mp
import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous import loss, loss_gradient, loss_hessian
from linmem.kernels import (
    Airy,
    ComplexExponentialSum,
    ExponentialSum,
    GaussianBump,
    Kernel,
    Modulated,
    PowerLaw,
    Window,
)
from linmem.kernels.quadrature import panel_rule

ROUNDING = 16 * 2.0**-52  # some ten roundings of terms at most a few times the size that errors are relative to


def _kernels() -> dict[str, tuple[Kernel, Callable[[mp.mpf], mp.mpf]]]:
    """Every square integrable kernel of the library with its definition written once more for mpmath."""
    return {
        "exponential sum": (
            ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0]),
            lambda t: mp.exp(-t / 2) + mp.exp(-t) / 2 - mp.exp(-2 * t),
        ),
        "Gaussian bump": (GaussianBump(6.0, 1.25, 0.75), lambda t: 0.75 * mp.exp(-(((t - 6) / mp.mpf(1.25)) ** 2) / 2)),
        "power law": (PowerLaw(1.5, 0.5), lambda t: 3 * (1 + 2 * t) ** mp.mpf(-2.5)),
        "Airy": (Airy(2.25, 4.0), lambda t: mp.airyai(2.25 * (t - 4))),
        "window": (Window(4.0, 0.75, start=1.5), lambda t: mp.mpf(0.75) if 1.5 <= t < 5.5 else mp.mpf(0)),
        "complex exponentials": (
            ComplexExponentialSum([1.0, 0.5 - 1.0j], [0.5, 0.75 + 2.0j]),
            lambda t: mp.exp(-t / 2) + mp.exp(-0.75 * t) * (mp.cos(2 * t) / 2 - mp.sin(2 * t)),
        ),
        "modulated bump": (
            Modulated(GaussianBump(5.0, 1.5), frequency=1.5, phase=0.5),
            lambda t: mp.exp(-(((t - 5) / mp.mpf(1.5)) ** 2) / 2) * mp.cos(1.5 * t + 0.5),
        ),
        "exponential + bump": (
            ExponentialSum([1.0], [1.0]) + 2 * GaussianBump(12.0),
            lambda t: mp.exp(-t) + 2 * mp.exp(-((t - 12) ** 2) / 2),
        ),
        "time-scaled bump": (GaussianBump(3.0).time_scaled(0.5), lambda t: mp.exp(-((t / 2 - 3) ** 2) / 2)),
        "delayed exponential": (
            ExponentialSum([1.0], [1.0]).delayed(3.0),
            lambda t: mp.exp(3 - t) if t >= 3 else mp.mpf(0),
        ),
    }


Derivatives = tuple[float, np.ndarray, np.ndarray]


def _by_quadrature(a: np.ndarray, w: np.ndarray, kernel: Kernel, rho: Callable[[mp.mpf], mp.mpf]) -> Derivatives:
    """J, gradient and Hessian from int (rhohat - rho)^2 dt, differentiated under the integral, in 40 digits.

    Gauss-Legendre with 24 nodes on the kernel's panels, cut where the integrand has fallen below 1e-20 of its size.
    """
    knots = np.union1d(kernel.knots(), ExponentialSum(a, w).knots())
    knots = knots[knots <= 1e6]
    with mp.workdps(40):
        rule = [(x, g) for x, g in _legendre(24)]
        panels = [(mp.mpf(float(left)), mp.mpf(float(right))) for left, right in pairwise(knots)]
        nodes = [(left + right + (right - left) * x) / 2 for left, right in panels for x, _ in rule]
        weights = [(right - left) / 2 * g for left, right in panels for _, g in rule]
        decays = [[mp.exp(-mp.mpf(float(x)) * t) for t in nodes] for x in w]
        error = [
            sum(float(c) * e for c, e in zip(a, column, strict=True)) - rho(t)
            for t, column in zip(nodes, zip(*decays, strict=True), strict=True)
        ]
        # d rhohat / d theta = (e^{-w_k t}, -a_k t e^{-w_k t}), and the second derivatives that are not zero
        slopes = decays + [
            [-float(c) * t * e for t, e in zip(nodes, decay, strict=True)] for c, decay in zip(a, decays, strict=True)
        ]
        weighted = [g * e for g, e in zip(weights, error, strict=True)]
        value = mp.fdot(weighted, error)
        gradient = [2 * mp.fdot(weighted, slope) for slope in slopes]
        heavy = [[g * s for g, s in zip(weights, slope, strict=True)] for slope in slopes]
        hessian = [[2 * mp.fdot(row, column) for column in slopes] for row in heavy]
        for k, decay in enumerate(decays):
            mixed = -2 * mp.fsum(e * t * d for e, t, d in zip(weighted, nodes, decay, strict=True))
            bend = 2 * float(a[k]) * mp.fsum(e * t * t * d for e, t, d in zip(weighted, nodes, decay, strict=True))
            hessian[k][len(w) + k] += mixed
            hessian[len(w) + k][k] += mixed
            hessian[len(w) + k][len(w) + k] += bend
    return float(value), np.array(gradient, dtype=float), np.array(hessian, dtype=float)


def _legendre(count: int) -> list[tuple[mp.mpf, mp.mpf]]:
    """Nodes and weights of Gauss-Legendre to the working precision of mpmath: Newton on P_n from the doubles."""
    rule: list[tuple[mp.mpf, mp.mpf]] = []
    for start in np.polynomial.legendre.leggauss(count)[0]:
        x, slope = mp.mpf(float(start)), mp.mpf(1)
        for _ in range(3):
            before, value = mp.mpf(1), x
            for n in range(2, count + 1):
                before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
            slope = count * (x * value - before) / (x * x - 1)
            x -= value / slope
        rule.append((x, 2 / ((1 - x * x) * slope**2)))
    return rule


def _by_autograd(a: np.ndarray, w: np.ndarray, kernel: Kernel) -> Derivatives:
    """The same from torch autograd on a double-precision quadrature of (rhohat - rho)^2."""
    import torch

    knots = np.union1d(kernel.knots(), ExponentialSum(a, w).knots())
    nodes, weights = panel_rule(knots[knots <= 1e6])
    t, q, rho = (torch.from_numpy(x) for x in (nodes, weights, kernel(nodes)))
    n = len(a)

    def integral(theta: torch.Tensor) -> torch.Tensor:
        return (q * (torch.exp(-t[:, None] * theta[n:]) @ theta[:n] - rho) ** 2).sum()

    theta = torch.from_numpy(np.concatenate([a, w])).requires_grad_()
    value = integral(theta)
    [gradient] = torch.autograd.grad(value, theta)
    hessian = torch.autograd.functional.hessian(integral, theta.detach())
    return value.item(), gradient.numpy(), np.asarray(hessian)


def _symbolic_residuals(curvature: bool) -> int:
    """How many of the identities for J, dJ, d^2J and the bump's moments leave a residual that is not identically 0.

    P is an undefined function, so the identities for the derivatives hold for every kernel; that the formula for J is
    the integral is shown for a generic sum of two exponentials.
    """
    import sympy as sp

    a, w = sp.symbols("a1:4", real=True), sp.symbols("w1:4", positive=True)
    c, v = sp.symbols("c1:3", real=True), sp.symbols("v1:3", positive=True)
    t, x, u, square = (sp.Symbol(name, positive=True) for name in ("t", "x", "u", "N"))
    P = sp.Function("P")
    n = len(a)
    residuals: list[sp.Expr] = []

    # J as an integral: every product of two exponentials integrates to 1/(sum of the rates)
    unit = sp.integrate(sp.exp(-x * t), (t, 0, sp.oo))
    terms = [*zip(a[:2], w[:2], strict=True), *((-y, z) for y, z in zip(c, v, strict=True))]
    integral = sum(p * q * unit.subs(x, y + z) for p, y in terms for q, z in terms)

    def transform(point: sp.Expr) -> sp.Expr:
        return sum(y / (point + z) for y, z in zip(c, v, strict=True))

    norm = sum(y * q / (z + r) for y, z in zip(c, v, strict=True) for q, r in zip(c, v, strict=True))
    formula = sum(a[i] * a[j] / (w[i] + w[j]) for i in range(2) for j in range(2))
    formula += norm - 2 * sum(a[i] * transform(w[i]) for i in range(2))
    residuals.append(integral - formula)

    # derivatives, for an arbitrary P
    J = sum(a[i] * a[j] / (w[i] + w[j]) for i in range(n) for j in range(n)) - 2 * sum(a[i] * P(w[i]) for i in range(n))
    J += square
    R = sum(a[j] / (u + w[j]) for j in range(n)) - P(u)
    frozen = {y: sp.Dummy() for y in w}  # R' means d/du with the w_j held fixed
    back = {dummy: y for y, dummy in frozen.items()}
    jets = [sp.diff(R.subs(frozen), u, k) for k in range(3)]

    def R_at(k: int, i: int) -> sp.Expr:
        return jets[k].subs(u, w[i]).doit().subs(back)

    extra = 1 if curvature else 0
    for k in range(n):
        residuals += [sp.diff(J, a[k]) - 2 * R_at(0, k), sp.diff(J, w[k]) - 2 * a[k] * R_at(1, k)]
        for l in range(n):
            same = extra * int(k == l)
            total = w[k] + w[l]
            residuals += [
                sp.diff(J, a[k], a[l]) - 2 / total,
                sp.diff(J, a[k], w[l]) - (-2 * a[l] / total**2 + 2 * same * R_at(1, k)),
                sp.diff(J, w[k], w[l]) - (4 * a[k] * a[l] / total**3 + 2 * same * a[k] * R_at(2, k)),
            ]

    # moments of the bump: M_0 is the only solution of M_0' = -M_1 that vanishes at infinity, M_1 by parts
    mu, s = sp.symbols("mu s", positive=True)
    argument = (s * u - mu / s) / sp.sqrt(2)
    M0 = s * sp.sqrt(sp.pi / 2) * sp.exp(-u * mu + (s * u) ** 2 / 2) * sp.erfc(argument)
    at_zero = sp.exp(-(mu**2) / (2 * s**2))
    M1 = (mu - s**2 * u) * M0 + s**2 * at_zero
    M2 = (mu - s**2 * u) * M1 + s**2 * M0
    bump = sp.exp(-((t - mu) ** 2) / (2 * s**2))
    # (t - mu) rho + s^2 rho' = 0, whose Laplace transform is M_1 - mu M_0 + s^2 (u M_0 - rho(0)) = 0
    residuals += [(t - mu) * bump + s**2 * sp.diff(bump, t), M1 - mu * M0 + s**2 * (u * M0 - at_zero)]
    residuals += [sp.diff(M0, u) + M1, sp.diff(M1, u) + M2, sp.limit(M0.subs({mu: 1, s: 1}), u, sp.oo)]

    def vanishes(residual: sp.Expr) -> bool:  # the numerator usually expands to 0; simplify is slow
        return sp.expand(sp.numer(sp.together(residual))) == 0 or sp.simplify(residual) == 0

    return sum(not vanishes(residual.doit()) for residual in residuals)


def _plain_hessian(a: np.ndarray, w: np.ndarray, kernel: Kernel) -> np.ndarray:
    return loss_hessian(a, w, kernel)


def _hessian_without_curvature(a: np.ndarray, w: np.ndarray, kernel: Kernel) -> np.ndarray:
    """The Gauss-Newton part alone: 2 delta_kl R' and 2 delta_kl a_k R'' are left out."""
    sums = w[:, None] + w
    mixed = -2 * a / sums**2
    return np.block([[2 / sums, mixed], [mixed.T, 4 * np.outer(a, a) / sums**3]])


def _closed_form(
    scale: Scale, rng: np.random.Generator, hessian: Callable[[np.ndarray, np.ndarray, Kernel], np.ndarray], exact: bool
) -> Evidence:
    rows: list[dict[str, object]] = []
    for name, (kernel, rho) in _kernels().items():
        for _ in range(scale.pick(quick=1, paper=4)):
            a, w = rng.uniform(-1, 1, 2), rng.uniform(0.3, 2.5, 2)
            mine = (loss(a, w, kernel), loss_gradient(a, w, kernel), hessian(a, w, kernel))
            for judge, theirs in (
                ("quadrature", _by_quadrature(a, w, kernel, rho)),
                ("autograd", _by_autograd(a, w, kernel)),
            ):
                for what, x, y in zip(("loss", "gradient", "Hessian"), mine, theirs, strict=True):
                    # size of the terms that are added: ||rho||^2 for J, entries of the Hessian for the derivatives
                    size = float(np.abs(theirs[2]).max()) if what != "loss" else theirs[0] + kernel.l2_norm() ** 2
                    error = float(np.abs(np.asarray(x) - y).max()) / size
                    rows.append({"kernel": name, "judge": judge, "quantity": what, "error": error})
    table = pd.DataFrame(rows)
    measurements = [Measurement("symbolic identities with a residual", _symbolic_residuals(exact), "==", 0)]
    for judge in ("quadrature", "autograd"):
        for what in ("loss", "gradient", "Hessian"):
            worst = float(table.loc[(table["judge"] == judge) & (table["quantity"] == what), "error"].max())
            # the 40-digit judge adds nothing; the sum of ~1000 terms in double precision has roundings of its own
            allowance = ROUNDING * (1 if judge == "quadrature" else 4)
            measurements.append(Measurement(f"error of the {what} against {judge}", worst, "<=", allowance))
    return Evidence(measurements, table, "errors are relative to the size of the terms that are added")


@claim(
    "li2021/closed-form-loss",
    source="li2021",
    locator="Section 4",
    kind="numerical",
    statement=r"For a diagonal linear RNN $\hat\rho(t) = \sum_k a_k e^{-w_k t}$ and any target kernel $\rho$ with "
    r"Laplace transform $P$, the white-noise loss $J(a, w) = \int_0^\infty (\hat\rho - \rho)^2\,dt$ is "
    r"$J = \sum_{ij} \frac{a_i a_j}{w_i + w_j} - 2 \sum_i a_i P(w_i) + \|\rho\|^2$; with "
    r"$R(u) = \sum_j \frac{a_j}{u + w_j} - P(u)$ its gradient is $2 R(w_k)$, $2 a_k R'(w_k)$ and the blocks of its "
    r"Hessian are "
    r"$\frac{2}{w_k + w_l}$, $-\frac{2 a_l}{(w_k + w_l)^2} + 2 \delta_{kl} R'(w_k)$ and "
    r"$\frac{4 a_k a_l}{(w_k + w_l)^3} + 2 \delta_{kl} a_k R''(w_k)$.",
    assumptions=[r"$w_k > 0$", r"$\rho \in L^2(0, \infty)$"],
    expected="holds",
)
def closed_form_loss(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Exact identities in sympy; then the library against 40-digit quadrature and autograd, for every kernel."""
    return _closed_form(scale, rng, _plain_hessian, exact=True)


@closed_form_loss.control("The Hessian without its diagonal curvature terms (Gauss-Newton) is not the Hessian")
def closed_form_loss_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check, with 2 delta R' and 2 delta a R'' left out."""
    return _closed_form(Scale.QUICK, rng, _hessian_without_curvature, exact=False)
