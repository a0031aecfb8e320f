"""A row that says nothing has no angles, and costs no other row its own."""

import pytest
import torch
from contract.instances import METHODS, built, pairs

OF_DOA = [info for info in METHODS if info.area == "doa"]


@pytest.mark.parametrize("info", OF_DOA, ids=lambda info: info.name)
def test_rows_of_zeros_and_of_what_is_no_number_are_not_answered(info):
    method, x = built(info), pairs(info, 6, "test").x
    with torch.no_grad():
        whole = method(x)
        spoilt = x.clone()
        spoilt[1] = 0
        spoilt[2, 0, 0] = torch.nan
        spoilt[4, 1, -1] = torch.inf
        answer = method(spoilt)
        alone = method(spoilt[2:3])
    assert torch.isnan(answer[[1, 2, 4]]).all()
    assert torch.isnan(alone).all()
    torch.testing.assert_close(answer[[0, 3, 5]], whole[[0, 3, 5]], equal_nan=True)
