"""The equations of Kalman filtering, one by one."""

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS, varying

from mbdl_repro.areas.tracking.kalman import linear_filter as filtering
from mbdl_repro.areas.tracking.kalman import riccati
from mbdl_repro.areas.tracking.kalman.likelihood import negative_log_likelihood
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    constant_gains,
    kalman_gains,
    linear_filter,
    linear_model,
)
from mbdl_repro.areas.tracking.kalman.model import LinearModel, linear_arrays
from mbdl_repro.areas.tracking.kalman.updates import (
    eliminated,
    kalman_gain,
    only_seen,
    solved,
    updated_covariance,
)


def covariance(rng, *shape):
    root = torch.from_numpy(rng.standard_normal(shape))
    return root @ root.mT


def test_the_gain_is_of_least_error_and_joseph_says_how_much_any_other_has():
    rng = np.random.default_rng(0)
    P, W = covariance(rng, 5, 3, 3), covariance(rng, 5, 2, 2)
    H = torch.from_numpy(rng.standard_normal((5, 2, 3)))
    K = kalman_gain(P, H, W)
    best = updated_covariance(P, K, H, W)
    torch.testing.assert_close(best, P - K @ H @ P)
    for _ in range(5):
        other = K + 0.1 * torch.from_numpy(rng.standard_normal(K.shape))
        excess = updated_covariance(P, other, H, W) - best
        torch.testing.assert_close(excess, (other - K) @ (H @ P @ H.mT + W) @ (other - K).mT)


def test_numpy_and_torch_have_one_and_the_same_equations():
    for truth in SYSTEMS.values():
        arrays, tensors = linear_arrays(truth), linear_model(truth)
        with_arrays = riccati.gains_and_covariances(arrays, 7, until_repeated=False)
        for ours, theirs in zip(kalman_gains(tensors, 7), with_arrays, strict=True):
            np.testing.assert_allclose(ours, np.stack(theirs), rtol=1e-9, atol=1e-13)
        for ours, theirs in zip(kalman_gains(tensors, 7), constant_gains(tensors, 7), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-13)


def test_gradients_of_the_gains_are_those_of_finite_differences():
    model = linear_model(CANONICAL.believed(initial_std=0.3, observation="reversed_canonical"))

    def gains(V_root, W_root, F):
        return kalman_gains(model._replace(V=V_root @ V_root.mT, W=W_root @ W_root.mT, F=F), 4)

    eye = torch.eye(2, dtype=torch.float64)
    roots = (eye + 0.3, eye - 0.2, model.F)
    assert torch.autograd.gradcheck(gains, tuple(r.clone().requires_grad_() for r in roots))


def test_gradients_of_the_likelihood_are_those_of_finite_differences():
    model = linear_model(CANONICAL.believed(initial_std=0.3))
    x = torch.from_numpy(CANONICAL.believed(n_steps=4).draw(2, "test").x)
    for missing in (False, True):
        x[0, 1, 0] = torch.nan if missing else 0.0
        assert torch.autograd.gradcheck(
            lambda root, x=x: negative_log_likelihood(x, model._replace(V=root @ root.mT)),
            (torch.eye(2, dtype=torch.float64).add(0.3).requires_grad_(),),
        )


def test_models_may_be_stacked():
    """As where several fits go side by side."""
    model = linear_model(CANONICAL.believed(initial_std=0.3))
    x = torch.from_numpy(CANONICAL.draw(3, "test").x)
    V = torch.stack([model.V, 4 * model.V, 9 * model.V])

    def answer(V):
        own = model._replace(V=V)
        return linear_filter(x, kalman_gains(own, 20)[0], own)

    together = torch.func.vmap(answer)(V)
    torch.testing.assert_close(together, torch.stack([answer(one) for one in V]))


@pytest.mark.parametrize("T", [1, 2, 12, 13, 14, 40])
@pytest.mark.parametrize("name", ["constant", "varying", "one gain"])
def test_steps_taken_together_are_steps_taken_one_by_one(name, T):
    truth = varying(T=40) if name == "varying" else varying(T=40, m=3, n=2, seed=4)
    model = linear_model(truth)
    if name != "varying":
        model = model._replace(F=model.F[0], H=model.H[0])
    rng = np.random.default_rng(1)
    K = torch.from_numpy(rng.standard_normal((3, 2) if name == "one gain" else (T, 3, 2)) / 3)
    x = torch.from_numpy(rng.standard_normal((5, T, 2)))
    s, expected = model.mean_0.expand(5, 3), []
    for t in range(T):
        F, H = (part[t] if part.ndim == 3 else part for part in (model.F, model.H))
        prediction = s @ F.mT
        s = prediction + (x[:, t] - prediction @ H.mT) @ (K[t] if K.ndim == 3 else K).mT
        expected.append(s)
    given = x.clone()
    ours = linear_filter(x, K, model)
    scale = torch.stack(expected).abs().max().item()
    torch.testing.assert_close(ours, torch.stack(expected, 1), rtol=0, atol=1e-12 * scale)
    assert torch.equal(x, given)
    assert filtering.BLOCK // 3 == 13  # so that blocks end within, at, and after these T


def test_what_is_missing_says_nothing():
    W = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    H = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    x = torch.tensor([[5.0, torch.nan], [5.0, 6.0], [torch.nan, torch.nan]], dtype=torch.float64)
    z, H_seen, W_seen = only_seen(x, H, W)
    assert z.tolist() == [[5, 0], [5, 6], [0, 0]]
    assert H_seen.tolist() == [[[1, 2], [0, 0]], [[1, 2], [3, 4]], [[0, 0], [0, 0]]]
    assert W_seen.tolist() == [[[2, 0], [0, 1]], [[2, 0.5], [0.5, 1]], [[1, 0], [0, 1]]]
    P = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    K = kalman_gain(P, H_seen, W_seen)
    torch.testing.assert_close(K[0, :, :1], kalman_gain(P, H[:1], W[:1, :1]))
    assert not K[0, :, 1].any() and not K[2].any()
    torch.testing.assert_close(updated_covariance(P, K, H_seen, W_seen)[2], P)


def test_a_filter_in_single_precision_stays_in_it():
    model = LinearModel(*(part.float() for part in linear_model(EXAMPLE_3_5)))
    x = torch.from_numpy(EXAMPLE_3_5.draw(3, "test").x)
    exact = filtering.kalman_filter(x, linear_model(EXAMPLE_3_5)).means
    for missing in (False, True):
        x[0, 0] = torch.nan if missing else x[0, 0]
        answer = filtering.kalman_filter(x.float(), model)
        assert answer.means.dtype == answer.covariances.dtype == torch.float32
    x[0, 0] = 0.0
    ours = filtering.kalman_filter(x.float(), model).means[1:]
    torch.testing.assert_close(ours.double(), exact[1:], rtol=1e-4, atol=1e-3)


def test_a_model_that_is_stored_goes_where_its_method_goes():
    stored = filtering.StoredModel(linear_model(EXAMPLE_3_5))
    assert stored().F.dtype == torch.float64
    assert stored.float()().W.dtype == torch.float32
    assert not list(stored.parameters())


@pytest.mark.parametrize("n", [1, 2, 4])
def test_elimination_solves_and_so_do_factors(n):
    rng = np.random.default_rng(n)
    S, right = covariance(rng, 5, n, n), torch.from_numpy(rng.standard_normal((5, n, 3)))
    rounding = 1e-13 * S.diagonal(0, -2, -1)
    expected = torch.linalg.solve(S, right)
    X, variances = eliminated(S, right, rounding)
    torch.testing.assert_close(X, expected)
    roots = torch.linalg.cholesky(S).diagonal(0, -2, -1)
    torch.testing.assert_close(variances, roots.square())
    torch.testing.assert_close(solved(S, right, rounding), expected)
    arrays = (part[0].numpy() for part in (S, right, rounding))
    np.testing.assert_allclose(solved(*arrays), expected[0])


@pytest.mark.parametrize("n", [1, 3])
def test_one_certain_entry_is_left_out_of_its_row_alone(n):
    rng = np.random.default_rng(n)
    S, right = covariance(rng, 3, n, n), torch.from_numpy(rng.standard_normal((3, n, 2)))
    S[1, -1], S[1, :, -1], S[2] = 0.0, 0.0, torch.nan
    rounding = 1e-13 * S[0].diagonal().expand(3, n)
    X = solved(S, right, rounding)
    torch.testing.assert_close(X[0], torch.linalg.solve(S[0], right[0]))
    torch.testing.assert_close(X[1, :-1], torch.linalg.solve(S[1, :-1, :-1], right[1, :-1]))
    assert not X[1, -1].any()
    assert X[2].isnan().all()
