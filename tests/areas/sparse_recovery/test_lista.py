"""LISTA: its beginning, its gradients, and what it owns."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.sparse_recovery.methods.ista import Ista
from mbdl_repro.areas.sparse_recovery.methods.lista import Lista
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=15,
    n_signal=20,
    n_nonzeros=2,
    nonzero_std=0.5,
    noise_std=0.01,
)


def split(n, name, truth=TRUTH):
    return Split(*map(torch.from_numpy, truth.draw(n, name)))


@pytest.mark.parametrize("step", [None, 0.7])
def test_unfitted_it_is_ista_layer_by_layer(step):
    x = split(10, "test").x
    lista = Lista(TRUTH, iterations=6, rho=0.1, step=step)
    ista = Ista(TRUTH, iterations=6, rho=0.1, step=step)
    for unfolded, iterated in zip(lista.iterates(x), ista.iterates(x), strict=True):
        torch.testing.assert_close(unfolded, iterated, rtol=0, atol=1e-12)
    assert (lista(x) != 0).any()


def test_gradients_are_those_of_finite_differences_and_reach_every_weight():
    tiny = dataclasses.replace(TRUTH, n_observations=4, n_signal=6)
    data = split(5, "train", tiny)
    lista = Lista(tiny, iterations=3, rho=0.1)
    names, weights = zip(*lista.named_parameters(), strict=True)
    rng = rng_for("test", "weights")  # off the start, where H's symmetries could hide a mistake
    weights = [
        (w + 0.05 * torch.from_numpy(rng.standard_normal(w.shape))).detach().requires_grad_()
        for w in weights
    ]

    def loss(*weights):
        estimate = torch.func.functional_call(
            lista, dict(zip(names, weights, strict=True)), (data.x,)
        )
        return (estimate - data.s).square().sum()

    assert torch.autograd.gradcheck(loss, weights)
    gradients = dict(zip(names, torch.autograd.grad(loss(*weights), weights), strict=True))
    assert (gradients["log_step"] != 0).all()
    assert (gradients["log_threshold"] != 0).all()
    for name in ("A", "B"):  # every row and column takes part
        assert gradients[name].any(0).all()
        assert gradients[name].any(1).all()


def test_layers_compute_the_stated_equation_signal_by_signal():
    x = split(3, "test").x
    lista = Lista(TRUTH, iterations=2, rho=0.1)
    rng = rng_for("test", "weights")
    with torch.no_grad():
        for weight in lista.parameters():  # a B that is not symmetric, layers that differ
            weight += 0.1 * torch.from_numpy(rng.standard_normal(weight.shape))
        estimate = lista(x).numpy()
    A, B = lista.A.detach().numpy(), lista.B.detach().numpy()
    steps, thresholds = np.exp(lista.log_step.tolist()), np.exp(lista.log_threshold.tolist())
    for observation, row in zip(x.numpy(), estimate, strict=True):
        s = np.zeros(20)
        for mu, beta in zip(steps, thresholds, strict=True):
            z = s + mu * (A @ observation - B @ s)
            s = np.where(np.abs(z) > beta, z - beta * np.sign(z), 0.0)
        np.testing.assert_allclose(row, s, rtol=0, atol=1e-12)


def test_fitting_beats_the_ista_it_starts_from_and_edits_nobody_elses_matrix():
    H = TRUTH.H.copy()
    lista = Lista(TRUTH, iterations=4, rho=0.2, step=0.5)
    other = Lista(TRUTH, iterations=4, rho=0.2, step=0.5)
    recipe = Recipe(optimizer="sgd", learning_rate=0.05, steps=300)
    lista.fit(split(500, "train"), split(200, "validation"), recipe, torch_rng_for("fit"))
    test = split(500, "test")
    with torch.no_grad():
        fitted, unfitted = lista.loss(*test), other.loss(*test)
    assert fitted < 0.5 * unfitted
    assert all((w != v).any() for w, v in zip(lista.parameters(), other.parameters(), strict=True))
    np.testing.assert_array_equal(TRUTH.H, H)
    assert all(weight.is_contiguous() for weight in lista.parameters())  # or it is not stored
    torch.testing.assert_close(other.A, torch.tensor(H).T, rtol=0, atol=0)


def test_a_row_alone_equals_that_row_in_a_batch():
    x = split(4, "test").x
    lista = Lista(TRUTH, iterations=4, rho=0.05)
    alone = torch.cat([lista(row[None]) for row in x])
    torch.testing.assert_close(lista(x), alone, rtol=0, atol=1e-12)
