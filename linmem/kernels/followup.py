"""The six target kernels of the follow-up work, Wang, Li and Li."""

from __future__ import annotations

from linmem.citations import cites
from linmem.kernels.airy import Airy
from linmem.kernels.exponential import ExponentialSum
from linmem.kernels.gaussian import GaussianBump
from linmem.kernels.powerlaw import PowerLaw
from linmem.kernels.protocol import Kernel
from linmem.kernels.sine import Sine
from linmem.kernels.window import Window


@cites("wang2024", "numerical examples")
def followup_kernels() -> dict[str, Kernel]:
    """e^{-t}, 1/(1 + 0.1 t)^{1.1}, a window, e^{-t} + a bump, an Airy kernel and sin t, by name.

    The families are those of the follow-up work as quoted (its full text was not at hand); the first two are given
    there with their parameters. Chosen here: a moving average over 10 time units, a bump of width 1 at lag 10, the Airy
    kernel Ai(2.25 (t - 4)) of the first paper's figure, and sin t. 1/(1 + 0.1 t)^{1.1} is PowerLaw(0.1, scale=10,
    mass=100). All but the sine are integrable; its norms raise ValueError.

    >>> kernels = followup_kernels()
    >>> list(kernels)
    ['exponential', 'power law', 'window', 'exponential + bump', 'Airy', 'sine']
    >>> round(float(kernels["power law"](10.0)), 12) == round(2**-1.1, 12)
    True
    """
    exponential = ExponentialSum([1.0], [1.0])
    return {
        "exponential": exponential,
        "power law": PowerLaw(0.1, scale=10.0, mass=100.0),
        "window": Window(10.0, height=0.1),
        "exponential + bump": exponential + GaussianBump(10.0),
        "Airy": Airy(scale=2.25, delay=4.0),
        "sine": Sine(1.0),
    }
