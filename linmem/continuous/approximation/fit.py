"""How many neurons does a kernel need: the best exponential sums found, of a given width or a given accuracy."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from linmem.checks import check_choice, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.approximation.absolute import ROUNDING
from linmem.continuous.approximation.grid import Target
from linmem.continuous.approximation.search import CONVERGED, Candidate, Norm, search
from linmem.continuous.approximation.starts import as_sum
from linmem.continuous.approximation.width import width_lower_bound
from linmem.continuous.network.linear import LinearRNN
from linmem.kernels import ComplexExponentialSum, ExponentialSum, Kernel, KernelSum
from linmem.kernels.algebra import check_kernel
from linmem.kernels.enclosure import l1_enclosure, l2_enclosure

LARGEST = 128  # width at which the search for a tolerance gives up
SHARPNESS = 1e-6  # relative width of the enclosure of an error


@dataclass(frozen=True)
class Fit:
    """An exponential sum close to a target kernel, with a proved enclosure of its error.

    target, kernel : rho and rhohat. norm : of the error, "L1" or "L2".
    error : (low, high), low <= ||rho - rhohat|| / ||rho|| <= high in ball arithmetic, for the numbers in `kernel`.
    residual : stationarity, in [0, 1]: the largest |int sgn(e) d_i rhohat|/int |d_i rhohat| over the tangent functions
    d_i rhohat (L1), or cosine between error e and d_i rhohat (L2). 0 at a local minimum.
    sign_changes : of the error, as seen on the grid; at least 2 n at an L1 minimum with n real rates.
    converged : residual <= 1e-6, or an error that is mere rounding. A local minimum: nothing proves it the global one.
    """

    target: Kernel
    kernel: ExponentialSum | ComplexExponentialSum
    norm: Norm
    error: tuple[float, float]
    residual: float
    sign_changes: int
    converged: bool

    @property
    def state_size(self) -> int:
        """Number of neurons: 1 for a real rate, 2 for a complex one (m in Li et al.)."""
        return self.kernel.state_size if isinstance(self.kernel, ComplexExponentialSum) else len(self.kernel.rates)

    def network(self) -> LinearRNN:
        """The network dh/dt = W h + U x, y = c.h with this kernel."""
        return LinearRNN.from_kernel(self.kernel)

    def least_width(self) -> int:
        """A proved m: no stable linear network narrower than m has an L1 error as small as this fit's.

        ValueError for a fit in L2, where the Hankel bound does not apply. Cost: about a second.
        """
        if self.norm != "L1":
            raise ValueError(f"the lower bound holds for the L1 error, got a fit in {self.norm}; fit with norm='L1'")
        return width_lower_bound(self.target, self.error[1]) if 0 < self.error[1] < 1 else 1

    def __str__(self) -> str:
        state = "stationary" if self.converged else f"NOT stationary (residual {self.residual:.0e})"
        lines = [
            f"{self.state_size} neurons, relative {self.norm} error in [{self.error[0]:.6e}, {self.error[1]:.6e}] "
            f"({state}, {self.sign_changes} sign changes)",
            f"{'amplitude':>26} {'rate':>26}",
        ]
        lines += [f"{a:26.10g} {w:26.10g}" for a, w in zip(self.kernel.amplitudes, self.kernel.rates, strict=True)]
        return "\n".join(lines)


@cites("linmem", "optimised exponential sums")
def fit_kernel(
    kernel: Kernel,
    *,
    width: int | None = None,
    tolerance: float | None = None,
    norm: Norm = "L1",
    rates: Literal["real", "complex"] = "real",
    seed: int | np.random.Generator = 0,
) -> Fit:
    """The best exponential sum found for a kernel: with `width` neurons, or with the fewest that reach `tolerance`.

    Parameters
    ----------
    kernel : any integrable, square integrable kernel of linmem.kernels.
    width : number of neurons n >= 1 (m in Li et al.). A target that is itself a sum of at most n exponentials is
        returned as it is.
    tolerance : relative error > 0 in `norm`; exactly one of width and tolerance is given. The width found is the
        smallest one *found*: `least_width` of the result is the proved bound from below.
    norm : "L1", the worst case over inputs |x| <= 1; or "L2", the root of the training loss with white-noise input.
    rates : "real", decaying exponentials; "complex" also damped oscillations, two neurons each.
    seed : of the perturbed starts that are tried when continuation in the width does not end at a stationary point.

    L2 by variable projection; L1 by reweighted least squares, then Newton on the exact L1 error. Starts: continuation
    in the width, balanced truncation, realisations of the sampled kernel. The result is a local minimum. Where the
    infimum is not attained (two rates merge, as real rates do for an oscillating kernel) it is not stationary:
    `converged` is False and a RuntimeWarning says so; the enclosure of the error holds all the same.
    Raises ValueError for bad arguments and for kernels that are not integrable, RuntimeError when no width up to 128
    reaches the tolerance. Cost for a power law of width 16: about 1 s (L1), 0.3 s (L2), enclosure included.

    >>> from linmem.kernels import PowerLaw
    >>> fit = fit_kernel(PowerLaw(1.0), tolerance=0.01)
    >>> fit.state_size, round(fit.error[1], 6), fit.sign_changes, fit.least_width()
    (5, 0.008372, 10, 3)
    """
    check_kernel("kernel", kernel)
    check_choice("norm", norm, ("L1", "L2"))
    check_choice("rates", rates, ("real", "complex"))
    rng = check_generator("seed", seed)
    if (width is None) == (tolerance is None):
        raise ValueError(
            f"pass exactly one of width and tolerance, got width={width!r}, tolerance={tolerance!r}; "
            "give width=8 for eight neurons, or tolerance=0.01 for 1 % error"
        )
    exact = _exact(kernel, rates)
    target = Target.of(kernel)
    if width is not None:
        n = check_integer("width", width, minimum=1)
        if exact is not None and _size(exact) <= n:
            return Fit(kernel, exact, norm, _error(kernel, exact, norm), 0.0, 0, True)
        return _fit(kernel, search(target, n, norm, rates == "complex", rng, None), norm)
    assert tolerance is not None
    eps = check_positive("tolerance", tolerance)
    largest = min(LARGEST, _size(exact) - 1) if exact is not None else LARGEST
    found = _narrowest(target, eps, norm, rates == "complex", rng, largest)
    if isinstance(found, Candidate):
        return _fit(kernel, found, norm)
    if exact is not None:
        return Fit(kernel, exact, norm, _error(kernel, exact, norm), 0.0, 0, True)
    raise RuntimeError(
        f"no fit with {rates} rates up to width {LARGEST} reaches a relative {norm} error of {eps:g}, the best has "
        f"{found:.3g}; raise the tolerance" + (" or allow rates='complex'" if rates == "real" else "")
    )


def _narrowest(
    target: Target, eps: float, norm: Norm, oscillating: bool, rng: np.random.Generator, largest: int
) -> Candidate | float:
    """The fit of the smallest width found with error <= eps, or the least error if none has.

    log(error) is about linear in the square root of the width: the next width is where a line through the last two fits
    reaches eps, within a factor 2 of the widest one that failed. Then bisection, so the width below is always tried.
    """
    failed: dict[int, Candidate] = {}
    reached: Candidate | None = None
    low, high, guess = 0, largest + 1, 1
    while high - low > 1:
        size = min(max(guess, low + 1), high - 1)
        trial = search(target, size, norm, oscillating, rng, failed.get(low))
        if trial.error <= eps * (1 - 2 * SHARPNESS):  # so that the enclosure lies below eps too
            high, reached = size, trial
        else:
            low = size
            failed[size] = trial
        guess = _predicted(failed, eps) if reached is None else (low + high) // 2
    return reached if reached is not None else min(x.error for x in failed.values()) if failed else math.inf


def _predicted(failed: dict[int, Candidate], eps: float) -> int:
    sizes = sorted(failed)[-2:]
    last = sizes[-1]
    if len(sizes) < 2:
        return last + 1
    x, y = np.sqrt(sizes), np.log([failed[size].error for size in sizes])
    slope = min(float((y[1] - y[0]) / (x[1] - x[0])), -1e-3)
    return min(int(np.ceil((x[1] + (math.log(eps) - y[1]) / slope) ** 2)), 2 * last)


def _exact(kernel: Kernel, rates: str) -> ExponentialSum | ComplexExponentialSum | None:
    """The kernel as a sum with merged rates, if it is one and its rates are of the kind asked for."""
    total = as_sum(kernel)
    if isinstance(total, ExponentialSum):
        amplitudes, merged = total.merged()
        return ExponentialSum(amplitudes, merged) if amplitudes.size else None
    return total if rates == "complex" else None


def _size(kernel: ExponentialSum | ComplexExponentialSum) -> int:
    return kernel.state_size if isinstance(kernel, ComplexExponentialSum) else len(kernel.rates)


def _fit(kernel: Kernel, found: Candidate, norm: Norm) -> Fit:
    fitted = found.modes.kernel(found.c)
    converged = found.residual <= CONVERGED or found.error <= ROUNDING
    if not converged:
        warnings.warn(
            f"the fit with {found.modes.state_size} neurons is not stationary (residual {found.residual:.1e}): rates "
            "may merge, or there are better fits; its error is certified all the same. Try rates='complex' or a seed",
            RuntimeWarning,
            stacklevel=3,
        )
    return Fit(kernel, fitted, norm, _error(kernel, fitted, norm), found.residual, found.sign_changes, converged)


def _error(kernel: Kernel, fitted: ExponentialSum | ComplexExponentialSum, norm: Norm) -> tuple[float, float]:
    """A proved enclosure of ||rho - rhohat|| / ||rho||."""
    enclosure = l1_enclosure if norm == "L1" else l2_enclosure
    (low, high), (least, most) = enclosure(KernelSum((kernel, -fitted)), SHARPNESS), enclosure(kernel, SHARPNESS)
    return max(0.0, math.nextafter(low / most, -math.inf)), math.nextafter(high / least, math.inf)
