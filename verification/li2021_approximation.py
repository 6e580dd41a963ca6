"""Claims of Li, Han, E and Li (2021), the curse of memory in approximation: universality and truncation.

The paper's statements are named as they are quoted below; their full text was not at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.approximation import polynomial_rnn, quoted_width, truncation_bound, truncation_rnn
from linmem.kernels import Airy, ExponentialSum, GaussianBump, Kernel, KernelSum, PowerLaw, ScaledKernel, Window
from linmem.kernels.enclosure import l1_enclosure

TARGETS: dict[str, tuple[Kernel, float | None]] = {  # kernel, decay beta of the construction (None: 4/m)
    "power law": (PowerLaw(1.0), None),
    "window": (Window(2.0), 2.0),
    "Airy": (Airy(2.25, 4.0), 1.0),
    "exponential and bump": (ExponentialSum([1.0], [1.0]) + GaussianBump(4.0), 1.0),
}


def _excitatory(kernel: Kernel, rates: np.ndarray) -> Kernel:
    """The best kernel in L2 on a grid among those with the same rates and amplitudes >= 0."""
    edges = np.union1d(np.linspace(0.0, 12.0, 400), np.geomspace(12.0, 40.0 / rates.min(), 200))
    lags, root = edges[:-1], np.sqrt(np.diff(edges))
    amplitudes, _ = nnls(np.exp(-np.multiply.outer(lags, rates)) * root[:, None], kernel(lags) * root)
    return ExponentialSum(amplitudes, rates)


def _universal(widths: Sequence[int], tolerance: float, excitatory: bool = False) -> Evidence:
    rows: list[dict[str, object]] = []
    measurements: list[Measurement] = []
    for name, (kernel, beta) in TARGETS.items():
        norm = l1_enclosure(kernel, 1e-6)
        errors: list[tuple[float, float]] = []
        for m in widths:
            fit = polynomial_rnn(kernel, beta or 4 / m, order=1, width=m).kernels[0]
            found = _excitatory(kernel, fit.rates) if excitatory else fit
            low, high = l1_enclosure(KernelSum((kernel, ScaledKernel(found, -1.0))), 1e-2)
            errors.append((low / norm[1], high / norm[0]))
            rows.append({"kernel": name, "width": m, "error_low": errors[-1][0], "error_high": errors[-1][1]})
        measurements.append(
            Measurement.enclosed(f"relative L1 error at the largest width, {name}", errors[-1], "<=", tolerance)
        )
        shrink = [(b[0] / a[1], b[1] / a[0]) for a, b in pairwise(errors)]
        worst = max(x for x, _ in shrink), max(x for _, x in shrink)
        measurements.append(
            Measurement.enclosed(f"largest ratio of errors of successive widths, {name}", worst, "<", 1.0)
        )
    return Evidence(measurements, pd.DataFrame(rows), f"widths {', '.join(map(str, widths))}")


@claim(
    "li2021/universal-approximation",
    source="li2021",
    locator="Theorem 3.1",
    kind="certified",
    statement=r"As quoted: linear RNNs are universal approximators of causal, continuous, linear, regular and "
    r"time-homogeneous functionals: for every kernel $\rho \in L^1(0, \infty)$ and every $\varepsilon > 0$ there are "
    r"a width $m$ and a stable network with $\|\rho - \hat\rho\|_{L^1} \le \varepsilon$. Checked for a power law, a "
    r"window (discontinuous), the Airy kernel (oscillating, delayed) and $e^{-t}$ with a Gaussian bump: the network "
    r"that interpolates in $s = e^{-wt}$ reaches a relative error of 0.1 (0.05 at paper scale), and every doubling "
    r"of the width lowers the error; all errors are enclosed in ball arithmetic. That polynomials in $s$ without "
    r"constant term are dense in $L^1$, which gives all kernels and all $\varepsilon$, is not computed but classical.",
    assumptions=[r"$\rho \in L^1$", "amplitudes of either sign"],
    expected="holds",
)
def universal_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Four kernels, doubling widths; errors as certified enclosures."""
    return _universal(scale.pick(quick=(8, 16, 32, 64), paper=(8, 16, 32, 64, 128)), scale.pick(quick=0.1, paper=0.05))


@universal_claim.control(
    "amplitudes restricted to a >= 0: such kernels are convex and decreasing, no bump can be fitted"
)
def universal_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same rates, amplitudes by non-negative least squares."""
    return _universal((8, 16, 32), 0.1, excitatory=True)


def _truncation(exponents: Sequence[float], widths: Sequence[int], constant: float | None = None) -> Evidence:
    """Certified errors of truncation_rnn over truncation_bound, at four horizons and at the quoted width."""
    import sympy

    options = {} if constant is None else {"constant": constant}
    rows: list[dict[str, object]] = []
    known = dict[tuple[float, float, int], tuple[float, float]]()

    def error(omega: float, horizon: float, width: int) -> tuple[float, float]:
        key = omega, min(horizon, width), width
        if key not in known:
            known[key] = l1_enclosure(PowerLaw(omega) - truncation_rnn(omega, horizon, width).kernels[0], 1e-2)
        return known[key]

    for omega in exponents:
        for m in widths:
            for horizon in (10.0, 100.0, 1e3, 1e4):
                low, high = error(omega, horizon, m)
                bound = truncation_bound(omega, horizon, m, **options)
                rows.append(
                    {
                        "omega": omega,
                        "horizon": horizon,
                        "width": m,
                        "error_low": low,
                        "error_high": high,
                        "bound": bound,
                    }
                )
    table = pd.DataFrame(rows)
    ratios = table["error_low"] / table["bound"], table["error_high"] / table["bound"]
    laws: list[tuple[float, float]] = []
    for omega in exponents:
        eps = (omega / 32) ** omega  # the quoted width is then 32
        low, high = error(omega, eps ** (-1 / omega), round(quoted_width(omega, eps)))
        law = truncation_bound(omega, 1.0, 1, **options) - truncation_bound(omega, 1.0, 1, 0.0)  # C omega
        laws.append((low / (eps * (1 + law / omega)), high / (eps * (1 + law / omega))))
    w, T, eps, t = sympy.symbols("omega T epsilon t", positive=True)
    tail = sympy.integrate(w * (1 + t) ** (-1 - w), (t, T, sympy.oo)) - (1 + T) ** -w
    m = w * eps ** (-1 / w)
    both = (T**-w + w / m * T ** (1 - w)).subs(T, eps ** (-1 / w)) - 2 * eps
    return Evidence(
        [
            Measurement.enclosed(
                "largest L1 error over the bound, constructed networks",
                (float(ratios[0].max()), float(ratios[1].max())),
                "<=",
                1.0,
            ),
            Measurement.enclosed(
                "largest L1 error at the quoted width 32, over (1 + C) epsilon",
                (max(x for x, _ in laws), max(x for _, x in laws)),
                "<=",
                1.0,
            ),
            Measurement("mass beyond T minus (1 + T)^(-omega), symbolic", float(sympy.simplify(tail)), "==", 0.0),
            Measurement(
                "both terms at T = epsilon^(-1/omega), m = omega epsilon^(-1/omega), minus 2 epsilon, symbolic",
                float(sympy.simplify(sympy.powsimp(both, force=True))),
                "==",
                0.0,
            ),
        ],
        table,
        f"omega in {', '.join(map(str, exponents))}, T = 10..1e4, widths {', '.join(map(str, widths))}",
    )


@claim(
    "li2021/truncation-bound",
    source="li2021",
    locator="Section 3, curse of memory in approximation",
    kind="certified",
    statement=r"As quoted: for $\rho \sim t^{-(1+\omega)}$, truncation at $T$ gives an error $\le C(T^{-\omega} + "
    r"\frac{\omega}{m} T^{1-\omega})$, hence $m = O(\omega \varepsilon^{-1/\omega})$. Checked for $\rho = "
    r"\omega(1+t)^{-(1+\omega)}$, $0 < \omega < 1$: the mass beyond $T$ is $(1+T)^{-\omega}$; networks of the "
    r"polynomial construction have $L^1$ errors, enclosed in ball arithmetic, below $(1+T)^{-\omega} + "
    r"\frac{3\pi}{2} \frac{\omega}{m} T^{1-\omega}$ ($3\pi/2$: the constant of the consistent rate at $\alpha = 1$); "
    r"at $T = \varepsilon^{-1/\omega}$, $m = \omega\varepsilon^{-1/\omega}$ both terms are $\varepsilon$, up to the "
    r"constant. The bound is held against networks at the widths and horizons listed; it is not derived here from "
    r"the rate, which at $\alpha = 1$ gives a second term of order $\omega T^2/m$. For $\omega > 1$ it cannot hold, "
    r"since it tends to 0 as $T$ grows at fixed $m$ (control). It is an upper bound: fewer neurons suffice, see "
    r"linmem/powerlaw-width.",
    assumptions=[r"$0 < \omega < 1$", r"$\rho$ exactly $\omega(1+t)^{-(1+\omega)}$"],
    depends=["linmem/rate-consistent"],
    expected="holds with assumption",
)
def truncation_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Certified errors for five omega, widths 8 to 32 (64), four horizons."""
    return _truncation((0.1, 0.25, 0.5, 0.75, 0.9), scale.pick(quick=(8, 16, 32), paper=(8, 16, 32, 64)))


@truncation_claim.control("without the second term: no width would be too small")
def truncation_control_width(scale: Scale, rng: np.random.Generator) -> Evidence:
    """At fixed width the tail falls with T, the error does not."""
    return _truncation((0.25, 0.5), (8, 16), constant=0.0)


@truncation_claim.control("omega = 2: the bound falls to 0 with T at fixed width")
def truncation_control_exponent(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The assumption omega < 1 is broken."""
    return _truncation((2.0,), (8, 16))
