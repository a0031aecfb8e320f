"""What tests of image restoration share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _double_precision():
    """As where methods are fitted and scored."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
