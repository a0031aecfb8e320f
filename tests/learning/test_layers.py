"""Layers are PyTorch's own, with weights that are drawn from a given generator."""

import pytest
import torch
from torch import nn

from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.layers import Affine, Gru, Perceptron, add_product, affine, block_diagonal


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch_rng_for("layers", shape), dtype=torch.float64)


@pytest.mark.parametrize(("activation", "module"), [("relu", nn.ReLU), ("tanh", nn.Tanh)])
def test_a_perceptron_is_linear_layers_with_activations_between(activation, module):
    ours = Perceptron((4, 5, 3), activation)
    ours.draw(torch_rng_for("weights"), gain=2, last_gain=1)
    theirs = nn.Sequential(nn.Linear(4, 5), module(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for linear, weight, offset in zip(theirs[::2], ours.weights, ours.offsets, strict=True):
            linear.weight.copy_(weight)
            linear.bias.copy_(offset.normal_(generator=torch_rng_for("offset", len(offset))))
    torch.testing.assert_close(ours(normal(7, 2, 4)), theirs(normal(7, 2, 4)))


def test_weights_have_the_variance_that_is_asked_for():
    network = Perceptron((400, 500, 300))
    network.draw(torch_rng_for("weights"), gain=2, last_gain=0.5)
    for weight, variance in zip(network.weights, (2 / 400, 0.5 / 500), strict=True):
        share = weight.square().mean().item() / variance  # χ² of n entries, over n
        assert abs(share - 1) < 5 * (2 / weight.numel()) ** 0.5
    assert not any(offset.any() for offset in network.offsets)
    network.draw(torch_rng_for("weights"), gain=1, last_gain=0)
    assert not network.weights[-1].any()


def drawn_unit() -> tuple[Gru, nn.GRU]:
    ours = Gru(3, 4)
    with torch.no_grad():
        ours.draw(torch_rng_for("unit"))
    theirs = nn.GRU(3, 4, batch_first=True).double()
    gates, of_input, of_hidden = ours.bias.detach().split((8, 4, 4))
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.of_input.mT)
        theirs.weight_hh_l0.copy_(ours.of_hidden.mT)
        theirs.bias_ih_l0.copy_(torch.cat((gates, of_input)))
        theirs.bias_hh_l0.copy_(torch.cat((0 * gates, of_hidden)))
    return ours, theirs


def test_a_recurrent_unit_is_that_of_pytorch():
    ours, theirs = drawn_unit()
    u = normal(5, 6, 3)
    states, last = theirs(u)
    torch.testing.assert_close(ours.states(u), states)
    torch.testing.assert_close(ours.last_state(u), last[0])
    torch.testing.assert_close(ours(u[:, 1], states[:, 0]), states[:, 1])


def test_what_one_product_takes_is_what_the_unit_does():
    ours, _ = drawn_unit()
    u, h = normal(5, 3), normal(5, 4)
    product = torch.cat((u, h), 1) @ torch.cat(ours.columns()) + ours.bias
    r, z, of_input, of_hidden = product.sigmoid().chunk(4, 1)[:2] + product.chunk(4, 1)[2:]
    n = (of_input + r * of_hidden).tanh()
    torch.testing.assert_close((1 - z) * n + z * h, ours(u, h))


@pytest.mark.parametrize("of", ["states", "last_state"])
def test_gradients_of_a_recurrent_unit(of):
    ours, _ = drawn_unit()
    u = normal(2, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda u, *_: getattr(ours, of)(u), (u, *ours.parameters()))


def test_an_affine_layer_keeps_where_the_last_one_starts():
    start = normal(3)
    with torch.no_grad():
        last, inner = Affine(4, 3, start), Affine(4, 3)
        for layer in (last, inner):
            layer.draw(torch_rng_for("affine"))
    x = normal(5, 4)
    torch.testing.assert_close(last(x), start.expand(5, 3))
    assert inner.weight.abs().max() <= 0.5 and inner.weight.any() and inner.bias.any()
    torch.testing.assert_close(inner(x), x @ inner.weight + inner.bias)


def test_a_stack_of_layers_is_each_by_itself():
    x, A, b = normal(2, 3, 5, 4), normal(2, 4, 6), normal(2, 6)
    stack, rows = affine(x, A, b), add_product(b[:, None], x[:, 0], A)
    for i in range(2):
        torch.testing.assert_close(stack[i], affine(x[i], A[i], b[i]))
        torch.testing.assert_close(rows[i], x[i, 0] @ A[i] + b[i])


class States(nn.Module):
    """What a unit's states are, as ``functional_call`` asks for them."""

    def __init__(self, unit: Gru) -> None:
        super().__init__()
        self.unit = unit

    def forward(self, u):
        return self.unit.states(u)


def test_a_stack_of_recurrent_units_is_each_by_itself():
    """With its gradients, which are those of a loop that autograd goes through."""
    ours, _ = drawn_unit()
    names = [name for name, _ in ours.named_parameters()]
    stack = {name: normal(2, *p.shape).requires_grad_() for name, p in ours.named_parameters()}
    u, weight = normal(2, 5, 6, 3), normal(2, 5, 6, 4)
    called = {f"unit.{name}": p for name, p in stack.items()}
    states = torch.func.functional_call(States(ours), called, (u,))
    found = torch.autograd.grad((weight * states).sum(), [stack[name] for name in names])
    for i in range(2):
        alone = {name: p[i].detach().requires_grad_() for name, p in stack.items()}
        h, steps = u.new_zeros(5, 4), []
        for t in range(6):
            h = torch.func.functional_call(ours, alone, (u[i, :, t], h))
            steps.append(h)
        torch.testing.assert_close(states[i], torch.stack(steps, 1))
        loss = (weight[i] * torch.stack(steps, 1)).sum()
        expected = torch.autograd.grad(loss, [alone[name] for name in names])
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one[i], other)


def test_blocks_lie_on_the_diagonal():
    blocks = [normal(2, 3, 1), normal(2, 1, 4), normal(2, 2, 2)]
    for i, one in enumerate(block_diagonal(*blocks)):
        assert torch.equal(one, torch.block_diag(*(block[i] for block in blocks)))
