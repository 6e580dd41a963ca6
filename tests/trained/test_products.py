"""Both ways of multiplying many small matrices against einsum, below and above the size that is held at once."""

import pytest
import torch

from linmem.trained import Architecture, Ensemble, initial_weights
from linmem.trained.products import BatchedProducts, ElementwiseProducts, elementwise_is_faster, room


@pytest.mark.parametrize("networks", [3, 2000])  # 4 * 5 * 6 * 2000 numbers are too many at once
@pytest.mark.parametrize("elementwise", [False, True])
def test_products_equal_einsum(networks: int, elementwise: bool) -> None:
    torch.manual_seed(0)
    rows, columns, batch, back = 4, 5, 6, 3
    like = torch.zeros(0, dtype=torch.float64)

    def random(count: int, n: int, m: int) -> list[torch.Tensor]:
        return [
            part.copy_(torch.randn(part.shape)) for part in room(like, count, networks, n, m, elementwise).unbind(0)
        ]

    (weights,), (scaled,) = random(1, rows, columns), random(1, rows, columns)
    z, before = random(3, columns, batch), random(2, rows, batch)
    (delta,), (to_inputs,) = random(1, rows, batch), random(1, back, batch)
    gradient = torch.full((networks, rows, columns), torch.nan, dtype=torch.float64)
    kind = ElementwiseProducts if elementwise else BatchedProducts
    products = kind(weights, scaled, gradient, z, before, delta, to_inputs)
    products.forward(2, 1)
    # sums of at most 6 products of Gaussian numbers, below 6 in size each
    close = {"rtol": 0, "atol": 6 * 36 * 2.3e-16}
    torch.testing.assert_close(before[1], torch.einsum("erk,ekb->erb", scaled, z[2]), **close)
    products.backward()
    torch.testing.assert_close(to_inputs, torch.einsum("erk,erb->ekb", weights[:, :, :back], delta), **close)
    expected = torch.zeros_like(gradient)
    for k, slot in enumerate((1, 0, 2)):
        delta.copy_(torch.randn(delta.shape))
        products.accumulate(slot, first=k == 0)
        expected += torch.einsum("erb,ekb->erk", delta, z[slot])
    products.finish()
    torch.testing.assert_close(gradient, expected, rtol=0, atol=3 * 6 * 36 * 2.3e-16)


def test_small_ensembles_multiply_entry_by_entry_and_large_ones_do_not() -> None:
    assert elementwise_is_faster(5, 7, 8)
    assert not elementwise_is_faster(20, 22, 32)
    small, large = (Ensemble([initial_weights(Architecture(cells=c), 0)]) for c in (3, 20))
    assert small.elementwise(8)
    assert not large.elementwise(8)
    assert not Ensemble([initial_weights(Architecture(cells=3), 0)], products="batched").elementwise(8)


def test_suited_tensors_are_equal_tensors() -> None:
    tensor = torch.arange(24.0).reshape(4, 3, 1, 2)
    for products in ("batched", "elementwise"):
        suited = Ensemble([initial_weights(Architecture(), 0)] * 3, products=products).suited(tensor, 2)
        assert torch.equal(suited, tensor)
        assert suited.stride(1) == (1 if products == "elementwise" else 2)
