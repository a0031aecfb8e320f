"""The black box that smooths, against torch's own units."""

import dataclasses

import torch
from areas.tracking.linear_systems import CANONICAL
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits, pairs
from torch import nn

from mbdl_repro.areas.tracking.methods.bidirectional import Bidirectional
from mbdl_repro.contract.seeding import torch_rng_for


def copied(units: nn.GRU, ours: Bidirectional) -> None:
    """Give torch's units the weights of ours; a bias of r and z is one there and two here."""
    for end, gru in (("l0", ours.forwards), ("l0_reverse", ours.backwards)):
        k = gru.n_hidden
        gates, of_input, of_hidden = gru.bias.split((2 * k, k, k))
        getattr(units, f"weight_ih_{end}").copy_(gru.of_input.mT)
        getattr(units, f"weight_hh_{end}").copy_(gru.of_hidden.mT)
        getattr(units, f"bias_ih_{end}").copy_(torch.cat((gates, of_input)))
        getattr(units, f"bias_hh_{end}").copy_(torch.cat((0 * gates, of_hidden)))


def test_it_is_torchs_bidirectional_unit():
    truth = dataclasses.replace(CANONICAL, missing_probability=0.2)
    method = Bidirectional(truth, hidden_size=5)
    train = pairs(truth, 30, "train")
    method.initialize(train, torch_rng_for("fit"))
    units = nn.GRU(6, 5, batch_first=True, bidirectional=True, dtype=torch.float64)
    x = pairs(truth, 4, "test").x
    with torch.no_grad():
        copied(units, method)
        seen = x.nan_to_num(0.0)
        change = (x - torch.cat((torch.zeros(4, 1, 2), x[:, :-1]), 1)).nan_to_num(0.0)
        size = train.x.nan_to_num(0.0).square().mean((0, 1)).sqrt()
        torch.testing.assert_close(method.input_unit[:2], size)
        inputs = torch.cat((torch.cat((seen, change), 2) / method.input_unit, x.isnan()), 2)
        hidden, _ = units(inputs)
        expected = (hidden @ method.output.weight + method.output.bias) * method.output_unit
        torch.testing.assert_close(method(x), expected)
    torch.testing.assert_close(method.output_unit, train.s.square().mean((0, 1)).sqrt())


def test_a_stack_of_fits_is_each_of_them():
    assert_a_stack_is_each_of_its_fits(lambda: Bidirectional(CANONICAL, hidden_size=4), CANONICAL)
