"""Information-processing capacity: memory for functions of the input history."""

from __future__ import annotations

from linmem.capacity.information.capacities import information_capacity
from linmem.capacity.information.moments import Capacities, StateBasis, state_basis
from linmem.capacity.information.polynomials import LAWS, OrthonormalPolynomials, orthonormal_polynomials
from linmem.capacity.information.result import InformationCapacity
from linmem.capacity.information.terms import Products, count_products, products
from linmem.capacity.information.threshold import CORRECTIONS, METHODS, critical_p_value, p_values

__all__ = [
    "CORRECTIONS",
    "LAWS",
    "METHODS",
    "Capacities",
    "InformationCapacity",
    "OrthonormalPolynomials",
    "Products",
    "StateBasis",
    "count_products",
    "critical_p_value",
    "information_capacity",
    "orthonormal_polynomials",
    "p_values",
    "products",
    "state_basis",
]
