"""Continuous-time linear RNNs under perturbed parameters: perturbation error, stable parameterisations."""

__all__: list[str] = []
