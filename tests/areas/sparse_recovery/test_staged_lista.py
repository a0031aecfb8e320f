"""Staged LISTA: LISTA-CP's layers, and what each stage of a fit may change."""

import pytest
import torch

from mbdl_repro.areas.sparse_recovery.methods.ista import Ista
from mbdl_repro.areas.sparse_recovery.methods.lista_cp import ListaCp
from mbdl_repro.areas.sparse_recovery.methods.staged_lista import StagedLista
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=10,
    n_signal=15,
    n_nonzeros=2,
    nonzero_std=1.0,
    noise_std=0.03,
)
SIZES = {"iterations": 3, "rho": 0.2, "step": 0.5}
RECIPE = Recipe(learning_rate=0.01, steps=30, batch_size=32, validate_every=5)


def split(n, name):
    return Split(*map(torch.from_numpy, TRUTH.draw(n, name)))


def fitted(method, **changes):
    recipe = RECIPE.model_copy(update=changes)
    history = method.fit(split(200, "train"), split(100, "validation"), recipe, torch_rng_for("f"))
    return method, history


@pytest.mark.parametrize("start", ["ista", "random"])
@pytest.mark.parametrize("stages", ["none", "moving", "frozen"])
def test_unfitted_it_is_ista_layer_by_layer(start, stages):
    x = split(10, "test").x
    ours = StagedLista(TRUTH, **SIZES, start=start, stages=stages)
    for s, expected in zip(ours.iterates(x), Ista(TRUTH, **SIZES).iterates(x), strict=True):
        torch.testing.assert_close(s, expected, rtol=0, atol=1e-12)


def test_fitted_at_once_it_is_lista_cp_bit_for_bit():
    (ours, losses), (theirs, expected) = (fitted(m(TRUTH, **SIZES)) for m in (StagedLista, ListaCp))
    assert torch.equal(ours.V, theirs.V)
    assert torch.equal(ours.log_threshold, theirs.log_threshold)
    assert [row["validation_loss"] for row in losses] == [r["validation_loss"] for r in expected]


@pytest.mark.parametrize("stages", ["moving", "frozen"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_stage_teaches_its_iterate(stages, k):
    """The loss is the error of s_k; by other layers' slopes one sees who goes on learning."""
    method, (x, s) = StagedLista(TRUTH, **SIZES, stages=stages), split(20, "test")
    method.stage = k
    loss = method.loss(x, s)
    found = list(method.iterates(x))[k]
    assert loss.item() == pytest.approx((found - s).square().sum(1).mean().item(), rel=1e-12)
    loss.backward()
    learning = range(k) if stages == "moving" else [k - 1]
    for j in range(3):
        assert method.V.grad[j].any() == (j in learning)
        assert (method.log_threshold.grad[j] != 0) == (j in learning)


def test_stages_are_fits_of_growing_networks():
    """A second derivation: short networks fitted one after another, each inside the next one."""
    ours, history = fitted(StagedLista(TRUTH, **SIZES, stages="moving"))
    rng, short = torch_rng_for("f"), None
    for k in (1, 2, 3):
        method = ListaCp(TRUTH, **(SIZES | {"iterations": k}))
        with torch.no_grad():
            if short is not None:
                method.V[:-1], method.log_threshold[:-1] = short.V, short.log_threshold
        recipe = RECIPE.model_copy(update={"steps": 10})
        method.fit(split(200, "train"), split(100, "validation"), recipe, rng)
        short = method
    for name in ("V", "log_threshold"):
        torch.testing.assert_close(getattr(ours, name), getattr(short, name), rtol=0, atol=1e-10)
    assert [row["step"] for row in history] == [0, 5, 10, 10, 15, 20, 20, 25, 30]


def test_frozen_layers_stay_what_their_own_stage_made_them():
    method = StagedLista(TRUTH, **SIZES, stages="frozen")
    fitted(method)
    first = ListaCp(TRUTH, **(SIZES | {"iterations": 1}))
    fitted(first, steps=10)
    torch.testing.assert_close(method.V[:1].detach(), first.V.detach(), rtol=0, atol=1e-12)


def test_random_weights_are_as_long_as_istas_and_drawn_once():
    method, ista = (StagedLista(TRUTH, **SIZES, start=start) for start in ("random", "ista"))
    method.initialize(split(5, "train"), torch_rng_for("f"))
    W = method.P @ method.V.detach()
    torch.testing.assert_close(W.norm(dim=1), (ista.P @ ista.V.detach()).norm(dim=1))
    assert (W / W.norm(dim=1, keepdim=True) * TRUTH_H).sum(1).abs().mean() < 0.5
    method.stage, before = 2, method.V.detach().clone()
    method.initialize(split(5, "train"), torch_rng_for("g"))
    assert torch.equal(method.V, before)


TRUTH_H = torch.tensor(TRUTH.H)
