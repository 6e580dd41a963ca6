"""Any torch module that returns (output, state) and takes a state: its layout is found by running it."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from linmem.analysis.readout import with_vector
from linmem.analysis.state import StateModel
from linmem.trained.modules import MODULES

_BATCH, _TIME = 3, 4
_SIZES = ("input_size", "input_dim", "in_features", "n_inputs", "d_input")
_TOLERANCES = {
    torch.float64: 1e-9,
    torch.float32: 1e-4,
}  # of the largest state; a module may compute in its own precision
_FIX = "let forward(inputs, state=None) return (output, state), or build a linmem.analysis.StateModel with its step"


@dataclasses.dataclass(frozen=True, eq=False)
class _Leaf:
    """One tensor of the state: its shape without the batch axis, where that axis is, and its precision."""

    shape: tuple[int, ...]
    axis: int
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Number of entries for one series."""
        return int(np.prod(self.shape))


@contextmanager
def double_precision() -> Generator[None]:
    """Tensors that the module itself makes are in double precision too; the default is put back."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@dataclasses.dataclass(frozen=True, eq=False)
class _Stepped:
    """A module with the layout of its state."""

    module: nn.Module
    axis: int
    inputs: int
    leaves: tuple[_Leaf, ...]
    form: Any

    @property
    def tolerance(self) -> float:
        """How far runs that are the same may differ, relative to the largest state."""
        return max(_TOLERANCES.get(leaf.dtype, 1e-2) for leaf in self.leaves)

    def agree(self, x: Tensor, other: Tensor, rule: str) -> None:
        """Refuse a module that breaks ``rule``, for which both states would be the same."""
        if not (x - other).abs().max() <= self.tolerance * x.abs().max():
            raise ValueError(f"model must {rule}")

    def pack(self, x: Tensor) -> Any:
        """States (batch, n) as the module wants them."""
        tensors: list[Tensor] = []
        for leaf, part in zip(self.leaves, x.split([leaf.size for leaf in self.leaves], dim=1), strict=True):
            tensors.append(part.reshape(len(x), *leaf.shape).movedim(0, leaf.axis).to(leaf.dtype).contiguous())
        return _built(self.form, iter(tensors))

    def unpack(self, state: object) -> Tensor:
        """States of the module as (batch, n)."""
        tensors = [t.movedim(leaf.axis, 0) for t, leaf in zip(_tensors(state), self.leaves, strict=True)]
        return torch.cat([t.reshape(len(t), -1).double() for t in tensors], dim=1)

    def run(self, u: Tensor, *state: Any) -> tuple[Tensor, Any]:
        """Output after the last step and state of inputs (batch, time, d)."""
        with double_precision():
            output, after = _call(self.module, u if self.axis == 1 else u.transpose(0, 1), *state)
        return output.select(self.axis, output.shape[self.axis] - 1), after

    def after(self, x: Tensor, u: Tensor) -> Tensor:
        """States (batch, n) after one step from x (batch, n) with inputs (batch, d)."""
        return self.unpack(self.run(u[:, None], self.pack(x))[1])

    def step(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.after(
                torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.ascontiguousarray(u))
            ).numpy()

    def jacobian(self, x: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row i of the derivatives from series i of a batch of n equal ones: one backward pass for all."""
        many = [torch.tensor(np.tile(row, (len(x), 1)), requires_grad=True) for row in (x, u)]
        total = self.after(*many).diagonal().sum()
        by_x, by_u = torch.autograd.grad(total, many, allow_unused=True, materialize_grads=True)
        return by_x.numpy(), by_u.numpy()


def stepped_model(module: nn.Module, count: int | None) -> StateModel:
    """A module in eval() and double precision as a state map; called with (batch, time, feature), zero state first.

    ``batch_first=False`` means (time, batch, feature). The number of inputs is the module's ``input_size`` (or another
    usual name), or that of its first part that has one, or 1. The answer is the sum of the outputs if these are entries
    of the state, or the output if there is one, and it is linear in the state; else there is none.

    Raises
    ------
    TypeError, ValueError : for a module that does not return (output, state), takes no state, does not start from zero,
        or whose next state is not a function of state and input alone.

    >>> model = stepped_model(nn.LSTM(1, 3, proj_size=2).double(), None)
    >>> model.state_size, model.run([0.5, 0.1]).shape
    (5, (2, 5))
    """
    name, stack = type(module).__name__, module if isinstance(module, nn.RNNBase) else None
    with torch.no_grad():
        d = _input_size(module)
        found = _Stepped(module, *_layout(module, d))
        u = torch.from_numpy(np.random.default_rng(0).uniform(-1.0, 1.0, (_BATCH, _TIME, d)))
        output, after = found.run(u)
        n = sum(leaf.size for leaf in found.leaves)
        zero, x = torch.zeros(_BATCH, n, dtype=torch.float64), found.unpack(after)
        rule = f"carry nothing but the state that it returns, got {name}, which carries more (or is random); {_FIX}"
        found.agree(x, found.unpack(found.run(u)[1]), rule)
        try:
            from_zero = found.unpack(found.run(u, found.pack(zero))[1])
        except (TypeError, RuntimeError, ValueError, AttributeError, IndexError) as error:
            raise TypeError(f"model must take its state as second argument, got {name} ({error}); {_FIX}") from error
        found.agree(
            x,
            from_zero,
            f"start from a zero state, got {name}, which starts from another; {_FIX} and its initial state",
        )
        before = stepped = zero
        for t in range(_TIME):
            before, stepped = stepped, found.after(stepped, u[:, t])
        found.agree(x, stepped, rule)
        found.agree(stepped, found.after(before, u[:, -1]), rule)
        alone = torch.cat([found.after(before[i : i + 1], u[i : i + 1, -1]) for i in range(_BATCH)])
        found.agree(stepped, alone, f"take the series of a batch one by one, got {name}, which mixes them; {_FIX}")
    model = StateModel(
        name,
        n,
        d,
        found.step,
        kind=next((kind for kind, known in MODULES.items() if isinstance(stack, known)), "module"),
        layers=None if stack is None else stack.num_layers,
        cells=None if stack is None else stack.hidden_size,
        links="same-step" if stack is not None and stack.num_layers > 1 else None,
        parameters=count,
        labels=_labels(found.leaves, stack is not None),
        jacobian=found.jacobian,
    )
    weights = _answer(found, output, x)
    return model if weights is None else with_vector(model, *weights)


def _answer(found: _Stepped, output: Tensor, x: Tensor) -> tuple[np.ndarray, float] | None:
    """The answer as a vector and a number: the sum of outputs that are states, or one output linear in the states."""
    n = x.shape[1]
    columns = [torch.nonzero((x == column[:, None]).all(dim=0)).flatten().tolist() for column in output.double().T]
    if all(columns):
        c = np.zeros(n)
        c[[places[-1] for places in columns]] = 1.0
        return c, 0.0
    if len(columns) != 1:
        return None
    generator, count = np.random.default_rng(1), 2 * n + 10
    states, inputs = (torch.from_numpy(generator.uniform(-1.0, 1.0, (count, k))) for k in (n, found.inputs))
    with torch.no_grad():
        output, after = found.run(inputs[:, None], found.pack(states))
    rows = np.column_stack([found.unpack(after).numpy(), np.ones(count)])
    wanted = output.double().numpy()[:, 0]
    fit = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    close = np.abs(rows @ fit - wanted).max() <= found.tolerance * np.abs(wanted).max()
    return (fit[:n], float(fit[n])) if close else None


def _call(module: nn.Module, x: Tensor, *state: Any) -> tuple[Tensor, object]:
    found: object = module(x, *state)
    if not isinstance(found, tuple) or len(cast("tuple[object, ...]", found)) != 2:
        raise TypeError(f"model must return (output, state), got {type(found).__name__}; {_FIX}")
    output, after = cast("tuple[object, object]", found)
    if not isinstance(output, Tensor) or output.ndim != 3:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(f"model must return outputs (batch, time, feature), got {got}; {_FIX}")
    return output, after


def _input_size(module: nn.Module) -> int:
    for part in module.modules():
        for name in _SIZES:
            if isinstance(size := getattr(part, name, None), int) and not isinstance(size, bool) and size > 0:
                return size
    return 1


def _layout(module: nn.Module, d: int) -> tuple[int, int, tuple[_Leaf, ...], Any]:
    """Time axis, number of inputs, tensors of the state, and how they are put together."""
    axis = 1 if getattr(module, "batch_first", True) else 0
    states: list[Any] = []
    for batch in (_BATCH, _BATCH + 1):
        x = torch.zeros(batch, 2, d, dtype=torch.float64)
        try:
            with double_precision():
                states.append(_call(module, x if axis == 1 else x.transpose(0, 1))[1])
        except (RuntimeError, IndexError, AttributeError) as error:
            raise ValueError(
                f"model must take inputs (batch, time, {d}), but {type(module).__name__} refused them ({error}); say "
                "how many it takes by an attribute input_size, and batch_first = False if time comes first"
            ) from error
    leaves: list[_Leaf] = []
    for few, many in zip(_tensors(states[0]), _tensors(states[1]), strict=True):
        where = [k for k, (a, b) in enumerate(zip(few.shape, many.shape, strict=True)) if a != b]
        if len(where) != 1 or few.shape[where[0]] != _BATCH or not few.is_floating_point():
            raise ValueError(
                f"each tensor of the state must be real and have one axis for the batch, got shape {tuple(few.shape)} "
                f"of {few.dtype} for a batch of {_BATCH}; {_FIX}"
            )
        leaves.append(_Leaf((*few.shape[: where[0]], *few.shape[where[0] + 1 :]), where[0], few.dtype))
    return axis, d, tuple(leaves), states[0]


def _tensors(state: object) -> list[Tensor]:
    """The tensors of a tensor, or of tuples, lists and dictionaries of them, in order."""
    if isinstance(state, Tensor):
        return [state]
    if isinstance(state, dict):
        state = list(cast("dict[object, object]", state).values())
    if isinstance(state, tuple | list) and state:
        return [tensor for part in cast("tuple[object, ...]", state) for tensor in _tensors(part)]
    raise TypeError(f"the state must be made of tensors, got {type(state).__name__}; {_FIX}")


def _built(form: Any, tensors: Iterator[Tensor]) -> Any:
    """The tensors put together as in ``form``."""
    if isinstance(form, Tensor):
        return next(tensors)
    if isinstance(form, dict):
        return {key: _built(part, tensors) for key, part in cast("dict[Any, Any]", form).items()}
    parts = [_built(part, tensors) for part in form]
    return type(form)(*parts) if hasattr(form, "_fields") else type(form)(parts)


def _labels(leaves: tuple[_Leaf, ...], recurrent: bool) -> tuple[str, ...]:
    """h1[0], .. of torch's own stacks, whose tensors are (layer, cell); else the number of the tensor and the entry."""
    if recurrent:
        return tuple(
            f"{letter}{i + 1}[{j}]"
            for letter, leaf in zip("hs", leaves, strict=False)
            for i in range(leaf.shape[0])
            for j in range(leaf.shape[1])
        )
    return tuple(
        f"state{k}[{j}]" if len(leaves) > 1 else f"state[{j}]"
        for k, leaf in enumerate(leaves)
        for j in range(leaf.size)
    )
