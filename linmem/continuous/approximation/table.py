"""One cell of the width table of a power law, as a row: quoted bound, construction, optimised sum, lower bound."""

from __future__ import annotations

import warnings

from linmem.citations import cites
from linmem.continuous.approximation.fit import fit_kernel
from linmem.continuous.approximation.width import powerlaw_width
from linmem.kernels import PowerLaw


@cites("linmem", "width of the power law")
def width_row(exponent: float, tolerance: float, optimise: bool) -> dict[str, float]:
    """The row of omega = exponent and eps = tolerance, unit scale and mass.

    Its columns: exponent, tolerance; lower, construction, quoted (see `PowerLawWidth`); construction_error,
    smallest_rate of the construction; optimised, the least width at which an exponential sum with real rates and
    certified error <= tolerance was found, and optimised_error, its certified L1 error; NaN if not `optimise`. The
    true width with real rates lies between lower and optimised: the optimiser finds local minima.

    Cost: that of `powerlaw_width`, and for the optimised sum 1 s for 10 exponentials, 10 s for 35.

    >>> row = width_row(1.0, 0.1, optimise=True)
    >>> row["lower"], row["optimised"], row["construction"], round(row["quoted"])
    (1.0, 3.0, 3.0, 10)
    """
    cell = powerlaw_width(exponent, tolerance)
    width, error = _optimised(PowerLaw(exponent), tolerance) if optimise else (float("nan"), float("nan"))
    return {
        "exponent": exponent,
        "tolerance": tolerance,
        "lower": float(cell.lower),
        "construction": float(cell.construction.width),
        "quoted": cell.quoted,
        "construction_error": cell.construction.error,
        "smallest_rate": min(cell.construction.fit.rates),
        "optimised": width,
        "optimised_error": error,
    }


def _optimised(kernel: PowerLaw, tolerance: float) -> tuple[float, float]:
    """(width, certified error); one neuron more where the certificate does not confirm the optimiser's last digits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # not quite stationary: only the certified error is used here
        fit = fit_kernel(kernel, tolerance=tolerance, norm="L1", rates="real")
        while fit.error[1] > tolerance:
            fit = fit_kernel(kernel, width=fit.state_size + 1, norm="L1", rates="real")
    return float(fit.state_size), fit.error[1]
