"""The memory function M(H)(t) = sup_x |d/dt H_t(u^x)| / |x|_inf, with the Heaviside inputs u^x(t) = x [t >= 0].

It is the weight with which an input that began at time 0 still changes the output at time t. For a linear functional
d/dt H_t(u^x) = rho(t).x, so that M(t) = |rho(t)|_1 = sum_i |rho_i(t)|; for other models it is measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.network.linear import LinearRNN
from linmem.kernels import Kernel
from linmem.kernels.protocol import check_times

if TYPE_CHECKING:
    import torch

SIGN_LIMIT = 12


@cites("wang2024", "memory function")
def memory_function(model: LinearRNN | Kernel | Sequence[Kernel], times: ArrayLike) -> Float[np.ndarray, "..."]:
    """M(t) = sum_i |rho_i(t)| of a linear functional, in closed form.

    Parameters
    ----------
    model : a linear network, a kernel (one input), or one kernel for each input.
    times : t >= 0, any shape.

    >>> memory_function(LinearRNN([[-1.0]], [[2.0, -3.0]], [1.0]), 0.0).tolist()
    5.0
    """
    t = check_times(times)
    if isinstance(model, LinearRNN):
        return np.asarray(np.abs(model.kernel(t)).sum(-1))
    kernels = (
        (model,) if isinstance(model, Kernel) else tuple(model) if isinstance(cast(object, model), Sequence) else ()
    )
    if not kernels or not all(isinstance(cast(object, kernel), Kernel) for kernel in kernels):
        raise TypeError(
            f"model must be a LinearRNN, a kernel or a sequence of kernels, got {model!r}; "
            "for a torch module use measured_memory_function"
        )
    return np.asarray(sum(np.abs(kernel(t)) for kernel in kernels))


@dataclass(frozen=True)
class MeasuredMemory:
    """The memory function of a model in discrete time.

    Attributes
    ----------
    times : (T,), the middles (k + 1/2) step of the steps.
    values : (T,), max over the directions tried: a lower bound of the supremum over all x.
    directions : (D, d), the Heaviside inputs that were tried.
    attained_by : (T,), the index of the direction with the largest value.
    """

    times: Float[np.ndarray, "T"]
    values: Float[np.ndarray, "T"]
    directions: Float[np.ndarray, "D d"]
    attained_by: tuple[int, ...]


@cites("wang2024", "memory function")
def measured_memory_function(
    model: torch.nn.Module | Callable[[np.ndarray], ArrayLike],
    steps: int,
    step: float,
    directions: ArrayLike,
    lead: int = 1,
) -> MeasuredMemory:
    """M measured from Heaviside responses: max over x of |y_{k+1} - y_k| / (step |x|_inf).

    Parameters
    ----------
    model : a torch.nn.Module, or a function of an array; takes (batch, time, d) and returns (batch, time) or
        (batch, time, 1), as a tensor or as the first entry of a tuple. Output sample k is y at the end of step k.
    steps : number T of steps after the onset.
    step : duration of one step.
    directions : (D, d), the x to try, each in its own size (a nonlinear model answers differently to 2x than to x).
        For a linear model the sign vectors (`sign_directions`) attain the supremum; for others the result is a lower
        bound.
    lead : number of zero inputs before the onset, >= 1. A model with a bias must have settled by then, otherwise its
        own drift is measured.

    For a model that holds its input constant over a step the error is O(step^2), at the middles of the steps. A module
    is run without gradients, in the type of its parameters, in its present mode.

    >>> def running_sum(x):
    ...     return x.sum(-1).cumsum(1)
    >>> measured_memory_function(running_sum, 3, 0.5, [[1.0], [-2.0]]).values.tolist()
    [2.0, 2.0, 2.0]
    """
    T, quiet = check_integer("steps", steps, minimum=1), check_integer("lead", lead, minimum=1)
    duration = check_positive("step", step)
    x = check_array("directions", directions, ndim=2)
    size = np.abs(x).max(axis=1) if x.size else np.zeros(len(x))
    if not len(x) or not size.all():
        raise ValueError(f"directions must be rows other than 0, got {x.tolist()}; drop the zero rows")
    inputs = np.zeros((len(x), quiet + T, x.shape[1]))
    inputs[:, quiet:] = x[:, None]
    y = _outputs(model, inputs)
    slopes = np.abs(np.diff(y[:, quiet - 1 :], axis=1)) / (duration * size[:, None])
    best = slopes.argmax(axis=0)
    return MeasuredMemory(duration * (np.arange(T) + 0.5), slopes.max(axis=0), x, tuple(best.tolist()))


def sign_directions(inputs: int) -> Float[np.ndarray, "D d"]:
    """The 2^{d-1} vectors with entries +-1, one of each pair x, -x; d <= 12.

    >>> sign_directions(2).tolist()
    [[1.0, 1.0], [1.0, -1.0]]
    """
    d = check_integer("inputs", inputs, minimum=1, maximum=SIGN_LIMIT)
    return np.array([(1.0, *signs) for signs in itertools.product((1.0, -1.0), repeat=d - 1)])


def _outputs(
    model: torch.nn.Module | Callable[[np.ndarray], ArrayLike], inputs: Float[np.ndarray, "D T d"]
) -> Float[np.ndarray, "D T"]:
    found: object
    if hasattr(model, "parameters") and hasattr(model, "forward"):
        import torch

        module = cast("torch.nn.Module", model)
        example = next(iter(module.parameters()), torch.empty(0, dtype=torch.float64))
        with torch.no_grad():
            found = module(torch.as_tensor(inputs, dtype=example.dtype, device=example.device))
        first: object = cast("tuple[object, ...]", found)[0] if isinstance(found, tuple) else found
        if not isinstance(first, torch.Tensor):
            raise TypeError(
                f"model must return a tensor or a tuple of one, got {type(first).__name__}; wrap the module"
            )
        found = first.double().cpu().numpy()
    else:
        found = model(inputs)
        found = cast("tuple[object, ...]", found)[0] if isinstance(found, tuple) else found
    y = check_array("model(inputs)", cast(ArrayLike, found))
    y = y[..., 0] if y.ndim == 3 and y.shape[-1] == 1 else y
    return check_array("model(inputs)", y, shape=inputs.shape[:2])
