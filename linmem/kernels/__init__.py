"""Memory kernels rho(t), t >= 0, of linear functionals H_t(x) = int_0^inf x(t - s) rho(s) ds."""

from linmem.kernels.airy import Airy
from linmem.kernels.algebra import DelayedKernel, KernelSum, ScaledKernel, TimeScaledKernel, inner_product
from linmem.kernels.complexsum import ComplexExponentialSum
from linmem.kernels.enclosure import EnclosedKernel, l1_enclosure, l2_enclosure
from linmem.kernels.exponential import ExponentialSum
from linmem.kernels.followup import followup_kernels
from linmem.kernels.gaussian import GaussianBump
from linmem.kernels.modulated import Modulated
from linmem.kernels.powerlaw import PowerLaw
from linmem.kernels.protocol import Kernel
from linmem.kernels.sine import Sine
from linmem.kernels.window import Window

__all__ = [
    "Airy",
    "ComplexExponentialSum",
    "DelayedKernel",
    "EnclosedKernel",
    "ExponentialSum",
    "GaussianBump",
    "Kernel",
    "KernelSum",
    "Modulated",
    "PowerLaw",
    "ScaledKernel",
    "Sine",
    "TimeScaledKernel",
    "Window",
    "followup_kernels",
    "inner_product",
    "l1_enclosure",
    "l2_enclosure",
]
