"""Claims on what a memory asks of the rates of a network: the class of real rates, and the slowest neuron."""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.approximation import (
    modulated_sum,
    powerlaw_sum,
    real_rate_error,
    real_rate_width,
    slowest_rate_bound,
)
from linmem.kernels import ExponentialSum, Kernel, Modulated, PowerLaw
from linmem.kernels.enclosure import l1_enclosure


def _fixed_rates(kernel: Kernel, rates: np.ndarray, last: float) -> ExponentialSum:
    """Amplitudes of small L1 error on [0, last] for given rates: reweighted least squares in u = log(1 + t)."""
    u = np.linspace(0.0, np.log1p(last), 4001)
    t, jacobian = np.expm1(u), np.exp(u)
    columns, target = np.exp(-np.multiply.outer(t, rates)), kernel(t)
    weights, amplitudes = jacobian, np.zeros(rates.size)
    for _ in range(15):
        root = np.sqrt(weights)
        amplitudes = np.linalg.lstsq(columns * root[:, None], target * root, rcond=1e-13)[0]
        residual = np.abs(columns @ amplitudes - target)
        weights = jacobian / np.maximum(residual, 1e-6 * residual.max())
    return ExponentialSum(amplitudes, rates)


Network = tuple[Modulated, int, tuple[float, float]]
HALF_PERIOD_ONE = float(np.pi)  # frequency of rho(t) cos(pi t)


def _real_networks() -> list[Network]:
    """Kernel, width and certified L1 error of sums with real rates, fitted to modulated power laws of unit mass."""
    networks: list[Network] = []
    for omega in (2.0, 1.0):
        kernel = Modulated(PowerLaw(omega), HALF_PERIOD_ONE)
        for width in (1, 2, 4, 8):
            rates = np.geomspace(0.3, 6.0, width) if width > 1 else np.array([2.0])
            fit = _fixed_rates(kernel, rates, 50.0)
            networks.append((kernel, width, l1_enclosure(kernel - fit, 0.05)))
    return networks


def _complex_networks() -> list[Network]:
    """Modulated trapezoid sums, with the certified bound on their L1 error."""
    networks: list[Network] = []
    for omega, eps in ((1.0, 1e-2), (0.5, 1e-2), (0.25, 1e-2)):
        kernel = Modulated(PowerLaw(omega), HALF_PERIOD_ONE)
        networks.append((kernel, modulated_sum(kernel, eps).state_size, (0.0, eps)))
    return networks


def _against_zero_counting(networks: list[Network], cells: list[tuple[float, float]]) -> Evidence:
    ratios = np.array([np.array(error) / real_rate_error(kernel, width) for kernel, width, error in networks])
    worst = ratios.min(axis=0)
    unit = {omega: Modulated(PowerLaw(omega), HALF_PERIOD_ONE) for omega in sorted({cell[0] for cell in cells})}
    closed = min(
        real_rate_error(kernel, m) * np.pi * (1 + m) ** omega
        for omega, kernel in unit.items()
        for m in (2, 3, 10, 100, 1000, 10**4)
    )
    rows = [
        {
            "exponent": omega,
            "tolerance": eps,
            "real_rates": float(real_rate_width(unit[omega], eps)),
            "complex_rates": float(modulated_sum(unit[omega], eps).state_size),
            "law": (np.pi * eps) ** (-1 / omega) - 1,
        }
        for omega, eps in cells
    ]
    table = pd.DataFrame(rows)
    return Evidence(
        [
            Measurement(
                "least certified L1 error of a network, over the bound for its width with real rates",
                float(worst.mean()),
                ">=",
                1.0,
                float(worst[0]),
                float(worst[1]),
            ),
            Measurement("least value of the bound times pi (1 + m)^omega, m = 2..10^4", float(closed), ">=", 1.0),
            Measurement(
                "least width with real rates (proved), over (pi eps)^(-1/omega) - 1",
                float((table["real_rates"] / table["law"]).min()),
                ">=",
                1 - 1e-12,  # the widths are integers, beyond 2^53 rounded to doubles
            ),
        ],
        table,
        f"{len(networks)} networks of width {min(n[1] for n in networks)} to {max(n[1] for n in networks)}",
    )


def _cells(scale: Scale) -> list[tuple[float, float]]:
    tolerances = scale.pick(quick=(1e-1, 1e-2, 1e-3, 1e-4), paper=(1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-6))
    return [(omega, eps) for omega in (1.0, 0.5, 0.25, 0.1) for eps in tolerances]


@claim(
    "linmem/curse-in-the-class",
    source="linmem",
    locator="zero counting",
    kind="certified",
    statement=r"Let $\rho_c = \omega (1+t)^{-(1+\omega)} \cos \pi t$ and let $\hat\rho$ be the kernel of a network "
    r"of width $m \ge 2$ whose $W$ has real eigenvalues (diagonal or not, any amplitudes). Then "
    r"$\|\rho_c - \hat\rho\|_1 \ge (1+m)^{-\omega}/\pi$, hence $m \ge (\pi\epsilon)^{-1/\omega} - 1$: the curse of "
    r"memory holds in this class, for every $\epsilon$, without unknown constants. With complex rates $2 m(\omega, "
    r"\epsilon) = O(\log^2(1/\epsilon)/\omega)$ state variables suffice for the same kernel: the curse sits in the "
    r"class of networks, not in the decay of the memory.",
    assumptions=[
        r"all eigenvalues of $W$ real, so that $\hat\rho$ has at most $m - 1$ sign changes",
        r"$\epsilon$ is absolute, for an envelope of unit mass; the frequency is the double next to $\pi$",
        r"nothing is said about other oscillating kernels with complex rates",
    ],
    depends=["linmem/powerlaw-width"],
    expected="holds",
)
def class_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The bound in ball arithmetic against networks with real rates, each with a certified L1 error."""
    return _against_zero_counting(_real_networks(), _cells(scale))


@class_claim.control("complex rates: modulated trapezoid sums lie far below the bound for their width")
def class_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same comparison for networks that oscillate."""
    return _against_zero_counting(_complex_networks(), _cells(Scale.QUICK))


Approximation = tuple[PowerLaw, float, ExponentialSum]
DIGITS = 2.0**-54  # 1 - w dt rounds to 1 in doubles for w dt <= 2^-54


def _slowest(approximations: list[Approximation], errors: list[float]) -> Evidence:
    rows: list[dict[str, float]] = []
    for (kernel, eps, fit), error in zip(approximations, errors, strict=True):
        rows.append(
            {
                "exponent": kernel.exponent,
                "tolerance": eps,
                "width": float(len(fit.rates)),
                "error": error,
                "smallest_rate": min(fit.rates),
                "positive_bound": slowest_rate_bound(kernel, eps, variation=1 + eps),
                "width_bound": slowest_rate_bound(kernel, eps, width=len(fit.rates)),
                "law": eps ** (1 / kernel.exponent),
            }
        )
    table = pd.DataFrame(rows)
    return Evidence(
        [
            Measurement(
                "largest certified L1 error, over the tolerance",
                float((table["error"] / table["tolerance"]).max()),
                "<=",
                1.0,
            ),
            Measurement(
                "largest ratio of the smallest rate to the bound for positive amplitudes",
                float((table["smallest_rate"] / table["positive_bound"]).max()),
                "<=",
                1.0,
            ),
            Measurement(
                "largest ratio of the smallest rate to the bound for the width",
                float((table["smallest_rate"] / table["width_bound"]).max()),
                "<=",
                1.0,
            ),
            Measurement(
                "largest bound for positive amplitudes, over log(1/eps) eps^(1/omega)",
                float((table["positive_bound"] / table["law"] / np.log(1 / table["tolerance"])).max()),
                "<=",
                4.0,
            ),
            Measurement(
                "smallest rate of any network of width <= 100 for omega = 0.1, eps = 0.01 (upper bound)",
                slowest_rate_bound(PowerLaw(0.1), 1e-2, width=100),
                "<",
                DIGITS,
                unit="1/time",
            ),
        ],
        table,
    )


@claim(
    "linmem/smallest-rate",
    source="linmem",
    locator="slowest neuron",
    kind="certified",
    statement=r"A diagonal network within $\epsilon$ of $\rho = \omega(1+t)^{-(1+\omega)}$ in $L^1$ with positive "
    r"amplitudes, of any width, has a rate $w \le \min_T \frac1T \log\frac{1+\epsilon}{(1+T)^{-\omega} - \epsilon}$, "
    r"about $\epsilon^{1/\omega} \log(1/\epsilon)$. Any stable network of width $m$ within $\epsilon$ (any $W, U, "
    r"c$) has an eigenvalue with $-\mathrm{Re}\,\lambda$ below an explicit bound of order $(m + "
    r"\log(1/\epsilon))\,\epsilon^{1/\omega}$. For $\omega = 0.1$, $\epsilon = 0.01$ and $m \le 100$ that rate is so "
    r"small that $1 - w\,\Delta t$ rounds to 1 in double precision at $\Delta t = 1$.",
    assumptions=[
        r"positive amplitudes, or more generally $\sum_j |a_j|/\mathrm{Re}\,w_j$ bounded; or the width bounded",
        r"without either bound there is no such law: exponentials with rates in $[1, 2]$ are dense in $L^1(0, \infty)$ "
        r"(Müntz), so any $\epsilon$ is reached by wide networks with fast rates and large amplitudes",
    ],
    depends=["linmem/powerlaw-width"],
    expected="holds",
)
def smallest_rate_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Trapezoid sums (positive amplitudes, certified errors) against both bounds."""
    exponents = scale.pick(
        quick=(1.0, 0.5, 0.25, 0.1, 0.05), paper=(2.0, 1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.07, 0.05)
    )
    tolerances = scale.pick(quick=(1e-1, 1e-2, 1e-4), paper=(1e-1, 3e-2, 1e-2, 1e-3, 1e-4, 1e-6))
    sums = [powerlaw_sum(PowerLaw(omega), tolerance=eps) for omega in exponents for eps in tolerances]
    cells = [(omega, eps) for omega in exponents for eps in tolerances]
    return _slowest([(s.kernel, eps, s.fit) for s, (_, eps) in zip(sums, cells, strict=True)], [s.error for s in sums])


@smallest_rate_claim.control("amplitudes of both signs: 16 rates >= 0.15 come within the tolerance, past the bound")
def smallest_rate_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """A least-absolute-error fit whose masses cancel; its error is certified, only its amplitudes break the premise."""
    kernel = PowerLaw(0.5)
    fit = _fixed_rates(kernel, np.geomspace(0.15, 7.5, 16), 1e6)
    return _slowest([(kernel, 0.15, fit)], [l1_enclosure(kernel - fit, 1e-3)[1]])
