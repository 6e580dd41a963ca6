"""Descent on one delay: gradients by autograd, fixed points that are delay lines, order of the positions."""

import math

import numpy as np
import pytest
import torch

from linmem.analysis.delay_flow import (
    LinearStart,
    delay_flow,
    linear_starts,
    predicted_solve_steps,
    random_starts,
)
from linmem.trained import Architecture, MemoryTask, Network, NetworkSpec, initial_weights

RATE = 1e-3


def _loss_by_running_the_network(
    A: torch.Tensor, b: torch.Tensor, beta: torch.Tensor, c: torch.Tensor, task: MemoryTask, kind: str
) -> torch.Tensor:
    """E over q of the error's mean square (or its root times sqrt(2/pi)): mean and gain of each input, step by step."""
    total = torch.zeros((), dtype=torch.float64)
    for q, probability in task.lengths.items():
        rest = torch.zeros_like(b)
        gains = [torch.zeros_like(b) for _ in range(q)]
        for t in range(q):
            rest = A @ rest + beta
            gains = [A @ gain for gain in gains]
            gains[t] = b
        gain = torch.stack([c @ g for g in gains])
        wanted = torch.zeros(q, dtype=torch.float64)
        wanted[q - task.position] = 1.0
        square = ((gain - wanted) ** 2).sum() / 12 + (0.5 * gain.sum() + c @ rest - 0.5) ** 2
        total = total + probability * (square if kind == "square" else torch.sqrt(2 * square / math.pi))
    return total


@pytest.mark.parametrize("loss", ["square", "absolute"])
@pytest.mark.parametrize("readout", ["sum", "trained"])
@pytest.mark.parametrize("task", [MemoryTask.definition_1(2), MemoryTask(3, 3, 3), MemoryTask(1, 2, 5)])
def test_steps_equal_those_of_autograd(loss: str, readout: str, task: MemoryTask) -> None:
    start = random_starts(3, 2, rng=7)
    flow = delay_flow(3, task.position, start=start, task=task, rate=RATE, steps=3, loss=loss, readout=readout)
    for k in range(2):
        parts = [torch.tensor(part[k], requires_grad=True) for part in (start.A, start.b, start.beta, start.c)]
        errors = []
        for _ in range(3):
            value = _loss_by_running_the_network(*parts, task, loss)
            slopes = torch.autograd.grad(value, parts)
            with torch.no_grad():
                moves = (1.0, 1.0, 2.0, 1.0 if readout == "trained" else 0.0)
                parts = [p - RATE * m * s for p, m, s in zip(parts, moves, slopes, strict=True)]
            errors.append(_loss_by_running_the_network(*parts, task, "absolute").item())
            parts = [p.requires_grad_() for p in parts]
        # ten thousand operations in double precision
        assert flow.errors[:, k] == pytest.approx(errors, rel=1e-11)
        assert np.allclose(flow.A[k], parts[0].detach().numpy(), rtol=0, atol=1e-13)
        assert np.allclose(flow.b[k], parts[1].detach().numpy(), rtol=0, atol=1e-13)
        assert np.allclose(flow.c[k], parts[3].detach().numpy(), rtol=0, atol=1e-13)


def test_a_delay_line_stays_where_it_is() -> None:
    """Shift register of three states, input to the first, all of the read-out on the last: loss 0, gradient 0."""
    shift = np.eye(3, k=-1)[None]
    start = LinearStart(shift, np.eye(3)[:1], np.zeros((1, 3)), np.eye(3)[2:])
    flow = delay_flow(3, 3, start=start, steps=5, loss="square", readout="trained", rate=0.1)
    assert flow.errors.max() == 0.0
    assert np.array_equal(flow.A, shift)
    assert np.array_equal(flow.kernel(5), [[0, 0, 1, 0, 0]])


def test_the_kernel_becomes_a_delay() -> None:
    """What is left of the error bounds the kernel: ``(pi/2) e_q^2 >= (1/12) sum_k (h_k - delta_k)^2`` for each q."""
    flow = delay_flow(3, 2, networks=4, rng=1, steps=1500, loss="square", rate=0.1)
    done = flow.errors[-1] < 0.02
    assert done.any()
    distance = ((flow.kernel(10) - np.eye(1, 10, 1)) ** 2).sum(axis=1)
    # E_q e_q^2 <= (E_q e_q)^2 / P(q) at worst, six equally likely lengths; all lags < 10 are seen by all lengths
    assert (distance <= 12 * math.pi / 2 * 6 * flow.errors[-1] ** 2).all()


def test_plateaus_lengthen_with_the_position() -> None:
    found = predicted_solve_steps(3, seeds=range(3), steps=3000)
    assert found.steps.shape == (3, 3)
    assert (np.diff(found.medians) > 0).all()
    assert found.growth().value == pytest.approx(np.polyfit([1, 2, 3], np.log(found.medians), 1)[0], rel=1e-9)
    lengths = [delay_flow(3, p, networks=3, rng=2, steps=1000, level=0.18).plateau_length() for p in (1, 3)]
    assert np.median(lengths[0]) < np.median(lengths[1])


def test_starts_are_those_of_the_training() -> None:
    spec = NetworkSpec(Architecture(cells=3), MemoryTask.definition_1(2))
    weights = Network(spec, 5).initial_weights()
    start = linear_starts([weights])
    layer = weights.layers[0]
    assert np.array_equal(start.A[0], layer.weight_hh.astype(np.float64))
    assert np.array_equal(start.beta[0], (layer.bias_ih + layer.bias_hh).astype(np.float64))
    assert np.array_equal(start.c[0], np.ones(3))


def test_a_rate_that_is_too_high_is_recorded() -> None:
    flow = delay_flow(3, 2, networks=2, rng=0, rate=1e6, steps=50, loss="square")
    assert np.isinf(flow.errors[-1]).all()
    assert np.isinf(flow.steps_to(0.01)).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="task must be for position 2"):
        delay_flow(3, 2, rng=0, task=MemoryTask.definition_1(3))
    with pytest.raises(ValueError, match="task must be for position 3 and have lengths >= 3"):
        delay_flow(3, 3, rng=0, task=MemoryTask(3, 2, 5, absent="zero"))
    with pytest.raises(ValueError, match="start must hold networks of 3 states, got 2"):
        delay_flow(3, 2, start=random_starts(2, 1, rng=0))
    with pytest.raises(TypeError, match="rng must be an integer seed"):
        delay_flow(3, 2)
    with pytest.raises(ValueError, match="one layer and one size"):
        linear_starts([initial_weights(Architecture("lstm", cells=2), 0)])
