"""Federated averaging against gradient descent in one place, and what averages leave as it is."""

import dataclasses

import numpy as np
import pytest
import torch
from gradients import assert_slopes_are_those_of_differences
from sklearn.linear_model import LogisticRegression

from mbdl_repro.areas.distributed.bounds import known_law, known_law_error
from mbdl_repro.areas.distributed.federation.updates import (
    Clients,
    cross_entropy,
    local_models,
    moved,
    received_weights,
    softmax_gradient,
)
from mbdl_repro.areas.distributed.methods.central_gradient import CentralGradient
from mbdl_repro.areas.distributed.methods.fedavg import Fedavg
from mbdl_repro.areas.distributed.methods.fednova import Fednova
from mbdl_repro.areas.distributed.methods.learned_averaging import LearnedAveraging
from mbdl_repro.areas.distributed.metrics import cross_entropy as nats
from mbdl_repro.areas.distributed.metrics import error_rate
from mbdl_repro.areas.distributed.systems.federated_clients import ENVIRONMENTS, FederatedClients
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for

every_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)
SIZES = {"examples_per_client": 6, "n_queries": 5, "n_features": 3, "n_classes": 4}


def small(environment="equal", **changes):
    return FederatedClients(environment=environment, **(SIZES | changes))


def rows(truth, n=3):
    return truth.draw(n, "test", 0)


def random_clients(*shape):
    """Clients (n, K, ., m) of 4 classes, and models of each."""
    n, K, d, m = shape
    rng = np.random.default_rng(0)
    features, W = (torch.tensor(rng.standard_normal(s)) for s in ((n, K, d, m), (n, K, 4, d)))
    labels = torch.tensor(np.eye(4)[rng.integers(4, size=(n, K, m))]).mT
    return Clients(features, labels, torch.full((K,), float(m), dtype=torch.float64)), W


# --- what is drawn ---


@every_environment
def test_clients_have_the_examples_that_are_said(environment):
    truth = FederatedClients(environment=environment)
    x, s = rows(truth, 50)
    assert sum(truth.sizes) == 120 and x.shape == (50, 144, 14)
    assert truth.sizes == ((15, 14, 12, 17, 62) if environment == "sizes" else (24,) * 5)
    labels = x[..., 8:]
    assert (labels[:, :120].sum(2) == 1).all() and not labels[:, 120:].any()
    assert (s.sum(2) == 1).all()
    owned = [part.any(1).sum(1) for part in np.split(labels[:, :120], np.cumsum(truth.sizes), 1)]
    wanted = (1, 2, 3, 3, 3) if environment == "labels" else (6,) * 5
    for count, most in zip(owned, wanted, strict=False):
        assert count.max() == most and np.median(count) >= most - 1


def test_classes_are_dealt_so_that_each_has_its_clients():
    """Two clients of each, where twelve are dealt of six."""
    labels = rows(FederatedClients(environment="labels", examples_per_client=200), 20).x[..., 8:]
    owners = labels[:, :1000].reshape(20, 5, 200, 6).any(2).sum(1)
    assert (owners == 2).all()
    few = FederatedClients(environment="labels", n_classes=2, n_features=2)
    assert rows(few).x[:, :120, 2:].sum(2).all()


def test_links_hold_as_often_as_is_said_and_rows_are_alone():
    truth = small("links")
    x = torch.tensor(rows(truth, 300).x)
    present = Fedavg(truth).present(x)
    assert present.shape == (300, 10, 5)
    p = np.array([0.2, 0.3, 0.8, 0.9, 1.0])
    spread = np.sqrt(p * (1 - p) / 3000)
    assert (np.abs(present.mean((0, 1)).numpy() - p) <= 4 * spread).all()
    assert torch.equal(Fedavg(truth).present(x[7:8])[0], present[7])
    assert Fedavg(small()).present(x) is None


# --- updates ---


def test_the_gradient_is_that_of_the_cross_entropy():
    clients, W = random_clients(2, 3, 5, 7)
    W.requires_grad_()
    loss = sum(
        cross_entropy(W[:, k], clients.features[:, k], clients.labels[:, k]) * len(W)
        for k in range(3)
    )
    (expected,) = torch.autograd.grad(loss, W)
    torch.testing.assert_close(softmax_gradient(W, clients), expected)


def test_each_client_takes_its_own_number_of_steps():
    clients, W = random_clients(2, 4, 5, 7)
    start, steps = W[:, 0], (3, 1, 5, 3)
    found = local_models(start, clients, steps, 0.3)
    for k, most in enumerate(steps):
        own = start[:, None]
        for _ in range(most):
            own = own - 0.3 * softmax_gradient(own, clients.of([k]))
        torch.testing.assert_close(found[:, k], own[:, 0])


def test_who_is_absent_counts_as_it_was_or_not_at_all():
    weights = torch.tensor([0.5, 0.3, 0.2])
    present = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    stale = received_weights(weights, present, stale=True)
    torch.testing.assert_close(stale, torch.tensor([[0.5, 0.0, 0.2], [0.0, 0.0, 0.0]]))
    received = received_weights(weights, present, stale=False)
    torch.testing.assert_close(received, torch.tensor([[5 / 7, 0.0, 2 / 7], [0.0, 0.0, 0.0]]))
    W = torch.zeros(2, 1, 1)
    own = torch.tensor([1.0, 10.0, 100.0]).expand(2, 3)[..., None, None]
    torch.testing.assert_close(moved(W, own, stale).flatten(), torch.tensor([20.5, 0.0]))


# --- identities ---


def test_alike_clients_of_one_step_are_gradient_descent_in_one_place(monkeypatch):
    """Sizes alike or not: N_k/M of the means of clients is the mean of all."""
    for environment in ("equal", "sizes"):
        one_step = ENVIRONMENTS[environment]._replace(local_steps=(1,) * 5)
        monkeypatch.setitem(ENVIRONMENTS, environment, one_step)
        truth = small(environment)
        x = rows(truth).x
        central = CentralGradient(truth, step=0.7).estimate(x)
        averaged = Fedavg(truth, step=0.7).estimate(x)
        np.testing.assert_allclose(averaged, central, rtol=1e-12)
        assert np.ptp(central, axis=2).min() > 0.01


def test_the_same_examples_of_all_clients_are_gradient_descent_in_one_place():
    """However many steps a round has."""
    truth = small()
    x = rows(truth).x
    x[:, :30] = np.tile(x[:, :6], (1, 5, 1))
    central = CentralGradient(truth, step=0.7).estimate(x)
    np.testing.assert_allclose(Fedavg(truth, step=0.7).estimate(x), central, rtol=1e-12)
    assert not np.allclose(Fedavg(truth).estimate(rows(truth).x), central)


@every_environment
def test_unfitted_weights_are_those_of_federated_averaging(environment):
    truth = small(environment)
    x = rows(truth).x
    for absent in ("stale", "left_out"):
        expected = Fedavg(truth, absent=absent).estimate(x)
        learned = LearnedAveraging(truth, absent=absent, learn_step=True)
        np.testing.assert_allclose(learned.estimate(x), expected, rtol=1e-12)
    assert learned.root_weight.numel() == 50 and learned.log_step.numel() == 10


@every_environment
def test_fednova_is_federated_averaging_iff_clients_take_as_many_steps(environment):
    truth = small(environment)
    x = rows(truth, 8).x
    same = np.allclose(Fednova(truth).estimate(x), Fedavg(truth).estimate(x), rtol=1e-12)
    assert same == (environment != "steps")


def test_fednova_counts_each_step_alike():
    """τ Σ w_k Δ_k/τ_k, by hand for the first round."""
    truth = small("steps")
    x, _ = rows(truth, 1)
    method = Fednova(truth, iterations=1)
    own = []
    for k in range(5):
        v = np.c_[x[0, 6 * k : 6 * k + 6, :3], np.ones(6)]
        y, W = x[0, 6 * k : 6 * k + 6, 3:], np.zeros((4, 4))
        for _ in range(16 if k == 0 else 1):
            p = np.exp(v @ W)
            W -= 0.5 * v.T @ (p / p.sum(1, keepdims=True) - y) / 6
        own.append(W / (16 if k == 0 else 1))
    logits = np.c_[x[0, 30:, :3], np.ones(5)] @ (4 * np.mean(own, 0))
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(method.estimate(x)[0], expected, rtol=1e-10)


def test_fednova_goes_by_the_steps_of_those_that_are_heard():
    """Of the clients with 16 steps and with 1, τ is 8.5, whoever else is absent."""
    half = torch.tensor([[0.5, 0.5, 0.0, 0.0, 0.0]], dtype=torch.float64)
    found = Fednova(small("steps"), absent="left_out").balanced(half)
    assert found[0].tolist() == pytest.approx([0.5 * 8.5 / 16, 0.5 * 8.5, 0, 0, 0])


@pytest.mark.parametrize("method", [Fedavg, CentralGradient])
def test_steps_that_decay_are_those_of_rounds_one_by_one(method):
    truth, x = small("equal"), rows(small("equal")).x
    whole = method(truth, step=0.8, decay=0.5, iterations=2)
    assert [whole.step_size(t) for t in range(2)] == [0.8, 0.4]
    first, plain = (method(truth, step=0.8, decay=g, iterations=1) for g in (0.5, 1.0))
    np.testing.assert_array_equal(first.estimate(x), plain.estimate(x))
    other = method(truth, step=0.8, iterations=2)
    assert not np.allclose(whole.estimate(x), other.estimate(x))


def test_a_client_without_examples_is_refused():
    with pytest.raises(ValueError, match="examples_per_client is 1: a client has none then"):
        FederatedClients(environment="sizes", examples_per_client=1)


@pytest.mark.parametrize("method", [Fedavg, Fednova])
def test_clients_that_are_alike_may_be_numbered_in_another_way(method):
    truth = small("labels")
    x = rows(truth).x
    order = np.r_[np.arange(30).reshape(5, 6)[[2, 0, 4, 1, 3]].ravel(), np.arange(30, 35)]
    np.testing.assert_allclose(
        method(truth).estimate(x[:, order]), method(truth).estimate(x), rtol=1e-10
    )


def test_each_client_goes_by_its_own_weight():
    truth = small("labels")
    x = rows(truth).x
    alone = LearnedAveraging(truth, iterations=1)
    alone.root_weight.data[:] = 0
    alone.root_weight.data[:, 2] = 3.0
    only = x.copy()
    only[:, :12] = only[:, 18:30] = 0
    np.testing.assert_allclose(alone.estimate(x), alone.estimate(only), rtol=1e-12)
    assert not np.allclose(Fedavg(truth, iterations=1).estimate(x), alone.estimate(x))


def test_gradient_steps_in_one_place_converge_to_logistic_regression():
    """Of scikit-learn, without a penalty, where classes overlap so much that a minimum exists."""
    truth = small(examples_per_client=40, noise_std=3.0)
    x, _ = rows(truth, 2)
    found = CentralGradient(truth, iterations=3000, step=0.2).estimate(x)
    for row, answer in zip(x, found, strict=True):
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
        model.fit(row[:200, :3], row[:200, 3:].argmax(1))
        np.testing.assert_allclose(answer, model.predict_proba(row[200:, :3]), atol=1e-5)


# --- learning ---


@pytest.mark.parametrize("objective", ["training", "queries"])
@pytest.mark.parametrize("environment", ["steps", "links"])
def test_gradients_reach_every_weight_and_every_step(environment, objective):
    truth = small(environment, n_queries=20)
    method = LearnedAveraging(truth, objective=objective, learn_step=True, iterations=3)
    pairs = method.prepare(Split(*map(torch.tensor, rows(truth, 20))))
    rng = torch_rng_for("directions", environment, objective)
    assert_slopes_are_those_of_differences(method, lambda: method.loss(*pairs), rng)
    method.zero_grad()
    method.loss(*pairs).backward()
    assert (method.root_weight.grad != 0).all() and (method.log_step.grad != 0).all()


@every_environment
def test_losses_are_the_cross_entropies_of_what_is_answered(environment):
    truth = small(environment)
    split = rows(truth, 6)
    tensors = Split(*map(torch.tensor, split))
    for answered in (Fedavg(truth), LearnedAveraging(truth, objective="queries")):
        expected = nats(answered.estimate(split.x), split, truth).mean()
        assert answered.loss_on(tensors) == pytest.approx(expected, rel=1e-10)
    published = LearnedAveraging(truth, iterations=2)
    told = dataclasses.replace(truth, n_queries=truth.n_queries + 30)
    asked = np.concatenate([split.x, split.x[:, :30]], 1)
    asked[:, 35:, 3:] = 0  # the examples, as queries
    total = 0.0
    for rounds in (1, 2):
        learner = Fedavg(told, iterations=rounds)
        if environment == "links":  # heard as in rows without these queries
            seen = published.present(tensors.x)
            learner.present = lambda _, seen=seen: seen
        given = learner.estimate(asked)[:, 5:]
        total += -np.log((given * split.x[:, :30, 3:]).sum(2)).mean()
    assert published.loss_on(tensors) == pytest.approx(total, rel=1e-10)


# --- measures and bounds ---


def test_nats_and_errors_are_counted_by_hand():
    s = np.eye(3)[[[0, 1]]]
    estimate = np.array([[[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]])
    assert nats(estimate, Split(s, s), small()) == pytest.approx(1.5 * np.log(2))
    assert error_rate(estimate, Split(s, s), small()) == 0.5
    assert np.isnan(error_rate(estimate * np.nan, Split(s, s), small())).all()


@every_environment
def test_nothing_beats_who_knows_the_law(environment):
    truth = small(environment, examples_per_client=12)
    test = truth.draw(300, "test", 1)
    for measure, bound in ((nats, known_law), (error_rate, known_law_error)):
        least = bound(truth, test)
        for method in (Fedavg(truth), Fednova(truth), CentralGradient(truth, step=1.0)):
            above = measure(method.estimate(test.x), test, truth) - least
            assert above.mean() > -4 * above.std() / np.sqrt(300)


def test_the_bound_is_bayes_rule_by_simulation():
    """Means are drawn from their prior, and weighted by how likely they make what is seen."""
    truth = small(examples_per_client=1, n_features=1, n_classes=2, n_queries=1)
    test = rows(truth, 4)
    means = np.random.default_rng(0).standard_normal((1_000_000, 2))
    for row, s, bound in zip(test.x, test.s, known_law(truth, test), strict=True):
        of_examples = means[:, row[:5, 1:].argmax(1)]
        weights = np.exp(-np.square(row[:5, 0] - of_examples).sum(1) / 2)
        of_query = np.exp(-np.square(row[5, 0] - means) / 2)
        p = weights @ of_query
        assert bound == pytest.approx(-np.log(p[s[0].argmax()] / p.sum()), abs=0.01)


def test_a_row_that_is_not_finite_has_no_answer_and_costs_no_other():
    truth = small("links")
    x = rows(truth).x
    spoilt = x.copy()
    spoilt[1, 0, 0] = np.inf
    for method in (Fedavg(truth), Fednova(truth), CentralGradient(truth), LearnedAveraging(truth)):
        answer = method.estimate(spoilt)
        assert np.isnan(answer[1]).all()
        np.testing.assert_allclose(answer[[0, 2]], method.estimate(x)[[0, 2]])


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"should be \(n, 35, 7\), 35 examples and queries with 3"):
        Fedavg(small()).estimate(np.ones((2, 35, 8)))
