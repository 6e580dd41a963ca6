"""The engines that train networks, behind one interface: the same networks and settings in, the same things out.

- "native": one network at a time, compiled (:mod:`linmem.trained.native`); float32 on the CPU, where it was built.
- "torch": ensembles of networks (:mod:`linmem.trained.torch_engine`); always there, any device, float32 or float64.
- "auto": the native engine where it is there and can do what is asked, else torch. Its absence is warned of, once.

Initial weights, training sequences and evaluation sequences are the same for both engines (:mod:`linmem.trained.spec`);
rounding differs, which training magnifies, so that after some hundred steps curves agree in law only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from linmem.checks import check_choice, check_integer
from linmem.trained.spec import Network, TrainingSettings
from linmem.trained.weights import NetworkWeights

ENGINES = ("auto", "native", "torch")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an engine returns.

    Attributes
    ----------
    losses : (record, network) training loss averaged over the steps of each record.
    errors : (network,) mean absolute error on ``evaluation_size`` fresh sequences; NaN if not finite.
    weights : the trained weights.
    """

    losses: Float[np.ndarray, "record network"]
    errors: Float[np.ndarray, "network"]
    weights: Sequence[NetworkWeights]


def chosen_engine(engine: str, dtype: str = "float32", device: str = "cpu") -> str:
    """The engine that ``engine`` stands for: "native" or "torch".

    Raises
    ------
    ValueError : for an unknown engine, or if the native one is asked for what it cannot do.
    RuntimeError : if the native engine is asked for and was not built.

    >>> chosen_engine("torch"), chosen_engine("auto", dtype="float64")
    ('torch', 'torch')
    """
    name = check_choice("engine", engine, ENGINES)
    if name == "torch":
        return name
    for rule, received, possible in (("dtype", dtype, "float32"), ("device", device, "cpu")):
        if received != possible:
            if name == "auto":
                return "torch"
            raise ValueError(
                f"{rule} must be {possible!r} with engine='native', got {received!r}; pass engine='torch' for it"
            )
    from linmem.trained.native.library import choose_engine

    return choose_engine(name)


def run_engine(
    engine: str,
    networks: Sequence[Network],
    settings: TrainingSettings,
    *,
    threads: int = 1,
    device: str = "cpu",
) -> Outcome:
    """Train and evaluate ``networks`` with the engine of that name, "native" or "torch".

    Parameters
    ----------
    threads : networks trained at the same time by the native engine; threads inside torch.
    device : where torch computes.
    """
    workers = check_integer("threads", threads, minimum=1)
    if engine == "native":
        from linmem.trained.native.training import train_native

        found = train_native(networks, settings, threads=workers)
        return Outcome(found.losses, found.errors, found.weights)
    from linmem.trained.torch_engine import evaluate, train_with_torch

    trained = train_with_torch(networks, settings, threads=workers, device=device)
    errors = evaluate(networks, trained.weights, settings, threads=workers, device=device)
    return Outcome(trained.losses, errors, trained.weights)
