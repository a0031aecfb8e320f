"""The LISTA family: its shared step, support selection, analytic weights, and what each owns."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.sparse_recovery.methods.alista import Alista
from mbdl_repro.areas.sparse_recovery.methods.ista import Ista
from mbdl_repro.areas.sparse_recovery.methods.lista import Lista
from mbdl_repro.areas.sparse_recovery.methods.lista_cp import ListaCp
from mbdl_repro.areas.sparse_recovery.methods.lista_cpss import ListaCpss
from mbdl_repro.areas.sparse_recovery.methods.step_lista import StepLista
from mbdl_repro.areas.sparse_recovery.methods.tilista import Tilista
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.layers import (
    analytic_weights,
    coupled_step,
    learning_coordinates,
    trusted_counts,
)
from mbdl_repro.areas.sparse_recovery.updates.thresholding import trusting_soft_threshold
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import gradient_descent

TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=15,
    n_signal=20,
    nonzero_probability=0.1,
    nonzero_std=1.0,
    snr_db=40.0,
)
COUPLED = [StepLista, ListaCp, ListaCpss, Tilista, Alista]


def split(n, name, truth=TRUTH):
    return Split(*map(torch.from_numpy, truth.draw(n, name)))


def disturbed(method, size=0.1):
    """Move every weight a little, so that layers differ and no symmetry hides a mistake."""
    rng = rng_for("test", "weights", type(method).__name__)
    with torch.no_grad():
        for weight in method.parameters():
            weight += size * torch.from_numpy(rng.standard_normal(weight.shape))
    return method


# --- analytic weights ---


def coherence(W, H):
    gram = (W.T @ H) / np.outer(np.linalg.norm(W, axis=0), np.linalg.norm(H, axis=0))
    return np.abs(gram - np.diag(np.diag(gram))).max()


@pytest.mark.parametrize("matrix", ["unit_columns", "orthonormal_rows"])
def test_analytic_weights_are_where_projected_gradient_descent_ends(matrix):
    H = dataclasses.replace(TRUTH, observation_matrix=matrix, n_signal=30).H
    norms = (H**2).sum(0)
    W = H / norms
    rate = 0.5 / np.linalg.norm(H, 2) ** 2
    for _ in range(4000):
        W = W - 2 * rate * H @ (H.T @ W - np.eye(30))  # W of WᵀH - I
        W = W + H * (1 - (W * H).sum(0)) / norms  # back to w_iᵀh_i = 1
    analytic = analytic_weights(torch.tensor(H)).numpy()
    np.testing.assert_allclose(analytic, W, rtol=0, atol=1e-9)
    np.testing.assert_allclose((analytic * H).sum(0), 1.0, rtol=1e-12)


def test_analytic_weights_make_the_columns_less_coherent():
    H = dataclasses.replace(TRUTH, n_observations=125, n_signal=250).H
    W = analytic_weights(torch.tensor(H)).numpy()
    assert coherence(W, H) < 0.85 * coherence(H, H)


@pytest.mark.parametrize("case", ["more rows than columns", "a row twice"])
def test_analytic_weights_need_independent_rows(case):
    H = torch.tensor(TRUTH.H)
    H = H.mT if case == "more rows than columns" else torch.cat([H[:5], H[:1]])
    with pytest.raises(ValueError, match=rf"independent rows of H: {len(H)} rows have rank"):
        analytic_weights(H)


def test_alista_with_the_gradients_matrix_is_ista():
    x = split(20, "test").x
    alista = Alista(TRUTH, iterations=5, rho=0.1, step=0.3)
    alista.W.copy_(alista.H)
    ista = Ista(TRUTH, iterations=5, rho=0.1, step=0.3)
    torch.testing.assert_close(alista(x), ista(x), rtol=0, atol=1e-12)


def test_the_steps_of_alista_are_by_default_the_longest_that_expand_nothing():
    alista = Alista(TRUTH, iterations=3, rho=0.1)
    expected = np.linalg.norm(alista.W.numpy().T @ TRUTH.H, 2)
    np.testing.assert_allclose(alista.log_step.exp().tolist(), 1 / expected, rtol=1e-12)


# --- support selection ---


@pytest.mark.parametrize("n_trusted", [0, 1, 3, 11, 12])
@pytest.mark.parametrize("threshold", [0.05, 0.8, 5.0])
def test_the_largest_entries_above_the_threshold_are_not_shrunk(n_trusted, threshold):
    z = rng_for("test", "support").standard_normal((6, 12))
    expected = np.zeros_like(z)
    for row, out in zip(z, expected, strict=True):
        trusted = sorted(range(12), key=lambda i: -abs(row[i]))[:n_trusted]
        for i, value in enumerate(row):
            if abs(value) > threshold:
                out[i] = value if i in trusted else value - threshold * np.sign(value)
    answer = trusting_soft_threshold(torch.from_numpy(z), threshold, n_trusted)
    np.testing.assert_allclose(answer.numpy(), expected, rtol=0, atol=1e-15)


def test_trusted_shares_grow_linearly_to_the_last_layer():
    # 500 entries: 1.2 % a layer over ten layers are 6, 12, …, 60.
    assert trusted_counts(10, 500, 0.12) == list(range(6, 61, 6))
    assert trusted_counts(8, 500, 0.12) == [7, 15, 22, 30, 37, 45, 52, 60]
    assert trusted_counts(1, 500, 0.12) == [60]
    assert trusted_counts(3, 500, 0.0) == [0, 0, 0]
    assert trusted_counts(2, 20, 1.0) == [10, 20]


def test_trusting_none_leaves_ista_and_lista_cp():
    x = split(20, "test").x
    cpss = ListaCpss(TRUTH, iterations=5, rho=0.1, trusted_fraction=0.0)
    ista = Ista(TRUTH, iterations=5, rho=0.1)
    torch.testing.assert_close(cpss(x), ista(x), rtol=0, atol=1e-12)
    disturbed(cpss)
    cp = ListaCp(TRUTH, iterations=5, rho=0.1)
    cp.load_state_dict(cpss.state_dict())
    assert torch.equal(cp(x), cpss(x))


def test_trusting_all_is_hard_thresholding():
    s, x, H = torch.zeros(4, 20, dtype=torch.float64), split(4, "test").x, torch.tensor(TRUTH.H)
    z = x @ H
    hard = torch.where(z.abs() > 0.2, z, 0.0)
    torch.testing.assert_close(coupled_step(s, x, H, H, 0.2, n_trusted=20), hard)


# --- the layers ---


@pytest.mark.parametrize("kind", COUPLED, ids=lambda kind: kind.__name__)
def test_layers_compute_the_stated_equation_signal_by_signal(kind):
    x = split(3, "test").x
    method = disturbed(kind(TRUTH, iterations=3, rho=0.1))
    n_trusted = getattr(method, "n_trusted", [0] * 3)
    steps = np.exp(method.log_step.tolist()) if hasattr(method, "log_step") else np.ones(3)
    thresholds = np.exp(method.log_threshold.tolist())
    if hasattr(method, "V"):
        W = method.P.numpy() @ method.V.detach().numpy()
    else:
        W = getattr(method, "W", method.H).numpy()
    W = np.broadcast_to(W, (3, *TRUTH.H.shape))
    with torch.no_grad():
        estimate = method(x).numpy()
    for observation, row in zip(x.numpy(), estimate, strict=True):
        s = np.zeros(20)
        for k in range(3):
            z = s + steps[k] * W[k].T @ (observation - TRUTH.H @ s)
            shrunk = np.where(np.abs(z) > thresholds[k], z - thresholds[k] * np.sign(z), 0.0)
            trusted = np.argsort(-np.abs(z))[: n_trusted[k]]
            shrunk[trusted] = np.where(np.abs(z[trusted]) > thresholds[k], z[trusted], 0.0)
            s = shrunk
        np.testing.assert_allclose(row, s, rtol=0, atol=1e-12)


def test_lista_whose_matrices_are_coupled_is_tied_lista_cp():
    x = split(20, "test").x
    cp = ListaCp(TRUTH, iterations=4, rho=0.1)
    rng = rng_for("test", "coupling")
    W = torch.from_numpy(TRUTH.H + 0.1 * rng.standard_normal(TRUTH.H.shape))
    lista = Lista(TRUTH, iterations=4, rho=0.1, step=1.0)
    with torch.no_grad():
        cp.V.copy_(torch.linalg.solve(cp.P, W).expand(4, -1, -1))
        cp.log_threshold.copy_(lista.log_threshold)
        lista.A.copy_(W.mT)
        lista.B.copy_(W.mT @ torch.tensor(TRUTH.H))  # C = I − A H: what is left of s is I − B
    torch.testing.assert_close(lista(x), cp(x), rtol=0, atol=1e-12)


def test_a_right_estimate_stays_under_coupled_weights_only():
    """Coupling is what lets thresholds go to zero: x = H s is then a fixed point for any W."""
    s = split(10, "test").s
    H = torch.tensor(TRUTH.H)
    W = torch.from_numpy(rng_for("test", "coupling").standard_normal(TRUTH.H.shape))
    torch.testing.assert_close(coupled_step(s, s @ H.mT, H, W, 0.0), s, rtol=0, atol=1e-12)
    lista = disturbed(Lista(TRUTH, iterations=1, rho=0.1))
    A, B = lista.A.detach(), lista.B.detach()
    drift = s @ (A @ H - B).mT  # of a free layer without a threshold
    assert drift.abs().max() > 0.01
    assert torch.linalg.matrix_norm(A @ H - B, 2) > 0.1
    start = Lista(TRUTH, iterations=1, rho=0.1)
    torch.testing.assert_close(start.A @ H, start.B, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", COUPLED, ids=lambda kind: kind.__name__)
def test_gradients_reach_every_layer(kind):
    """A thousandth entry of a stacked matrix is easily lost: look at each layer's."""
    tiny = dataclasses.replace(TRUTH, n_observations=4, n_signal=6)
    data = split(40, "train", tiny)
    # From small thresholds, where no layer's output vanishes.
    method = disturbed(kind(tiny, iterations=3, rho=0.01), 0.05)
    method.loss(*data).backward()
    for name, weight in method.named_parameters():
        layers = weight.grad.flatten(1) if name == "V" else weight.grad[:, None]
        assert (layers != 0).any(1).all(), name


@pytest.mark.parametrize("shape", [(15, 20), (20, 15)])
def test_in_the_learning_coordinates_observations_are_about_white(shape):
    H = torch.from_numpy(rng_for("test", "coordinates").standard_normal(shape))
    P = learning_coordinates(H)
    torch.testing.assert_close(P, P.mT)
    assert torch.linalg.cond(P) < 100  # nothing is lost, whatever the rank of H
    variances = shape[0] * torch.linalg.eigvalsh(P @ H @ H.mT @ P) / ((H @ H.mT).trace() / shape[0])
    used = variances[-min(shape) :]
    assert used.min() > 0.5 and used.max() <= 1.0


@pytest.mark.parametrize("shape", [(15, 20), (20, 15)])
def test_the_learning_coordinates_are_the_root_that_their_equation_says(shape):
    """By inversion, without eigenvectors: P⁻² = n (H Hᵀ/c + I/100)."""
    H = torch.from_numpy(rng_for("test", "coordinates").standard_normal(shape))
    P, n = learning_coordinates(H), shape[0]
    gram = H @ H.mT
    regular = gram / (gram.trace() / n) + torch.eye(n, dtype=torch.float64) / 100
    torch.testing.assert_close(torch.linalg.inv(P @ P), n * regular, rtol=1e-9, atol=1e-9)


def n_parameters(method):
    return sum(p.numel() for p in method.parameters())


def test_they_own_as_many_numbers_as_published():
    """Chen et al. and Liu et al.: T m n + T for LISTA-CP, m n + 2T tied, 2T for ALISTA."""
    K, n, m = 7, 15, 20
    assert n_parameters(ListaCp(TRUTH, iterations=K, rho=0.1)) == K * n * m + K
    assert n_parameters(ListaCpss(TRUTH, iterations=K, rho=0.1)) == K * n * m + K
    assert n_parameters(Tilista(TRUTH, iterations=K, rho=0.1)) == n * m + 2 * K
    assert n_parameters(Alista(TRUTH, iterations=K, rho=0.1)) == 2 * K
    assert n_parameters(StepLista(TRUTH, iterations=K, rho=0.1)) == 2 * K
    # The book's LISTA shares both matrices and has a step and threshold a layer.
    assert n_parameters(Lista(TRUTH, iterations=K, rho=0.1)) == m * n + m * m + 2 * K


# --- fits ---


@pytest.mark.parametrize("kind", COUPLED, ids=lambda kind: kind.__name__)
def test_fitting_halves_the_error_of_the_ista_it_starts_from(kind):
    before = TRUTH.H.copy()
    method = kind(TRUTH, iterations=6, rho=0.1)
    recipe = Recipe(
        learning_rate=0.05, steps=80, batch_size=64, clip_norm=1.0, supervise="every_iterate"
    )
    method.fit(split(1000, "train"), split(100, "validation"), recipe, torch_rng_for("fit"))
    test = split(1000, "test")
    with torch.no_grad():
        fitted = method.loss(*test)
        ista = (Ista(TRUTH, iterations=6, rho=0.1)(test.x) - test.s).square().sum(1).mean()
    assert fitted < 0.5 * ista
    np.testing.assert_array_equal(TRUTH.H, before)


@pytest.mark.parametrize("kind", COUPLED, ids=lambda kind: kind.__name__)
def test_members_fitted_together_are_those_fitted_apart(kind):
    """Several fits as one batched computation: no step branches on data."""
    recipe = Recipe(learning_rate=0.03, steps=3, batch_size=16, together=True)
    data = split(64, "train"), split(32, "validation")
    pair = [kind(TRUTH, iterations=2, rho=0.1) for _ in range(2)]
    gradient_descent(
        pair, [data[0]] * 2, [data[1]] * 2, recipe, [torch_rng_for("fit", i) for i in range(2)]
    )
    for i, member in enumerate(pair):
        alone = kind(TRUTH, iterations=2, rho=0.1)
        gradient_descent([alone], [data[0]], [data[1]], recipe, [torch_rng_for("fit", i)])
        for ours, theirs in zip(member.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_only_alista_and_step_lista_learn_solver_parameters_alone():
    infos = catalogue.methods("sparse_recovery")
    families = {name: infos[name].family.name for name in infos if "lista" in name}
    alone = {name for name, family in families.items() if family == "UNFOLDED_HYPERPARAMETERS"}
    assert alone == {"alista", "step_lista"}
