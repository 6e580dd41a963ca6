"""Exact memory of linear networks: spectrum, curve, covariance, enclosure; controllability; optimal networks."""

from linmem.capacity.linear.spectrum import check_stable, check_system, input_mask, square_matrix

__all__ = [
    "check_stable",
    "check_system",
    "input_mask",
    "square_matrix",
]
