"""Networks to look at: three trained ones, a random reservoir, a state-space model."""

from __future__ import annotations

import dataclasses

import numpy as np

from linmem.analysis.model import state_model
from linmem.analysis.nodes import system_model
from linmem.analysis.state import StateModel
from linmem.capacity.models import TanhReservoir
from linmem.capacity.systems.connectivity import haar_orthogonal
from linmem.checks import check_choice, check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

EXAMPLES = ("rnn", "lstm", "gru", "reservoir", "ssm")
_POSITION, _CELLS, _NODES = 5, 5, 50
_ORDER, _WINDOW, _DELAY = 16, 24.0, 12.5  # the middle of the step that began 12 steps before the newest


@cites("illium2022", "Definition 1")
def example(name: str, seed: int = 0) -> StateModel:
    """A network by name.

    - "rnn", "lstm", "gru": one layer of 5 cells, trained now to recall position 5 (the input of 4 steps before); the
      best of four seeds, 20,000 steps of Adam each. A second in all with the native engine, a minute or more with
      torch;
    - "reservoir": 50 tanh nodes with the weights ``0.95 Q``, Q Haar orthogonal, and input weights uniform in +-0.3;
    - "ssm": 16 states of the Legendre delay network for a window of 24 steps (:func:`legendre_system`), which answers
      with the input of 12 steps before, nearly, if the input changes slowly.

    Parameters
    ----------
    name : see above.
    seed : of training and reservoir; the first of the four.

    >>> example("reservoir").state_size, example("ssm").kind
    (50, 'system')
    """
    chosen, first = check_choice("name", name, EXAMPLES), check_integer("seed", seed, minimum=0)
    if chosen == "reservoir":
        generator = np.random.default_rng(first)
        weights = 0.95 * haar_orthogonal(_NODES, generator)
        model = state_model(TanhReservoir(weights, generator.uniform(-0.3, 0.3, _NODES)))
        return dataclasses.replace(model, name=f"orthogonal tanh reservoir of {_NODES} nodes")
    if chosen == "ssm":
        A, B, C = legendre_system(_ORDER, _WINDOW, _DELAY)
        return system_model(A, B, C, name=f"Legendre state-space model of {_ORDER} states")
    spec = NetworkSpec(Architecture(chosen, _CELLS), MemoryTask.definition_1(_POSITION))
    trained = train(spec, range(first, first + 4), steps=20_000, optimiser="adam", rate=0.01)
    best = int(np.argmin(np.where(np.isfinite(trained.errors), trained.errors, np.inf)))
    model = state_model(trained.weights[best])
    return dataclasses.replace(model, name=f"{model.name}, trained for position {_POSITION}")


@cites("voelker2019", "Equations (1)-(3)")
def legendre_system(order: int, window: float, delay: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The Legendre delay network, held constant between steps: A (n, n), B (n,), C (n,).

    ``theta x' = a x + b u`` with ``a_ij = (2i+1) (-1 if i < j else (-1)^(i-j+1))``, ``b_i = (2i+1) (-1)^i``, i and j
    from 0: the [n-1/n] Pade approximation of the delay theta, whose states are Legendre coefficients of the last theta
    steps of input, ``u(t - delay) ~ sum_i P_i(2 delay/theta - 1) x_i(t)``. With inputs held for a step of length 1,
    ``A = exp(a/theta)`` and ``B = int_0^1 exp(s a/theta) ds b/theta``. The state is read at the end of a step, and the
    input of k steps before the newest lasts from k + 1 to k before then: ``delay = k + 1/2`` answers with it, for
    inputs that change slowly over ``window / order`` steps.

    Parameters
    ----------
    order : n >= 1.
    window : theta in steps, > 0.
    delay : in steps, 0 <= delay <= window.

    >>> A, B, C = legendre_system(6, 12.0, 6.0)
    >>> A.shape, round(float(C @ np.linalg.solve(np.eye(6) - A, B)), 6)  # a constant input is given back
    ((6, 6), 1.0)
    """
    from scipy.linalg import expm
    from scipy.special import eval_legendre

    n = check_integer("order", order, minimum=1)
    theta, late = check_positive("window", window), check_nonnegative("delay", delay)
    if late > theta:
        raise ValueError(f"delay must be <= window = {theta}, got {delay}; choose a longer window")
    i, j = np.indices((n, n))
    a = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    b = (2 * np.arange(n) + 1) * (-1.0) ** np.arange(n)
    block = np.zeros((n + 1, n + 1))
    block[:n, :n], block[:n, n] = a / theta, b / theta
    held = np.asarray(expm(block), dtype=np.float64)
    C = np.asarray(eval_legendre(np.arange(n), 2 * late / theta - 1), dtype=np.float64)
    return held[:n, :n], held[:n, n], C
