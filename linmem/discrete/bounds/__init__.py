"""How structured is structured enough: statistical dimensions, restricted isometry, phase transitions."""

from linmem.discrete.bounds.sparse import (
    LassoPrediction,
    lasso_prediction,
    sparsity_limit,
    statistical_dimension,
    subdifferential_distance,
)

__all__ = [
    "LassoPrediction",
    "lasso_prediction",
    "sparsity_limit",
    "statistical_dimension",
    "subdifferential_distance",
]
