"""Continuous-time linear RNNs approximate kernels: constructions, certified errors, lower bounds on the width."""

__all__: list[str] = []
