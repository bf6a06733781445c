"""Matrix products by either library are those of plain PyTorch."""

from __future__ import annotations

import pytest
import torch

from learn.kernels import products


@pytest.fixture(params=[True, False], ids=["MKL", "oneDNN"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both libraries, whatever this processor is."""
    monkeypatch.setattr(products, "_mkl_is_fast", lambda: request.param)
    return bool(request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("rows", [1, 7, products.BLOCK, 2 * products.BLOCK + 5])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13), (torch.bfloat16, 2e-2)]
)
def test_products_are_those_of_plain_pytorch(rows: int, dtype: torch.dtype, tolerance: float) -> None:
    generator = torch.Generator().manual_seed(rows)
    x, g, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for shape in ((rows, 300), (rows, 600), (600, 300), (600,))
    )
    pairs = [
        (products.linear(x, weight, bias), x.double() @ weight.double().t() + bias.double()),
        (products.linear(x, weight), x.double() @ weight.double().t()),
        # Rows of a transposed weight do not lie side by side: as for the gradient of the input.
        (products.linear(g, weight.t()), g.double() @ weight.double()),
        (products.sum_of_outer(g, x), g.double().t() @ x.double()),
    ]
    for found, exact in pairs:
        assert found.dtype == dtype
        assert (found.double() - exact).norm() <= tolerance * exact.norm()


@pytest.mark.usefixtures("library")
def test_what_is_computed_later_leaves_an_earlier_product_alone() -> None:
    weight = torch.eye(600)[:, :300].contiguous()
    x = torch.ones(4096, 300)
    first = products.linear(x, weight)
    kept = first.clone()
    for factor in (2, 3, 4):
        products.linear(factor * x, weight)
    assert torch.equal(first, kept)
