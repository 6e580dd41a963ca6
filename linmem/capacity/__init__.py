"""Memory capacity: exact curves of linear networks, the usual estimates with their errors, nonlinear networks."""

from __future__ import annotations
