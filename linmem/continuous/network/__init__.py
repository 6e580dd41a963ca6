"""Continuous-time linear RNNs as systems: kernel, response, functional norms, memory function."""

__all__: list[str] = []
