"""Memory kernels rho(t), t >= 0, of linear functionals H_t(x) = int_0^inf x(t - s) rho(s) ds."""

from linmem.kernels.airy import Airy
from linmem.kernels.algebra import DelayedKernel, KernelSum, ScaledKernel, TimeScaledKernel, inner_product
from linmem.kernels.exponential import ExponentialSum
from linmem.kernels.gaussian import GaussianBump
from linmem.kernels.powerlaw import PowerLaw
from linmem.kernels.protocol import Kernel

__all__ = [
    "Airy",
    "DelayedKernel",
    "ExponentialSum",
    "GaussianBump",
    "Kernel",
    "KernelSum",
    "PowerLaw",
    "ScaledKernel",
    "TimeScaledKernel",
    "inner_product",
]
