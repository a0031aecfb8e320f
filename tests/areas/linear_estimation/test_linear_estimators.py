"""The closed-form estimators, against Bayes, scikit-learn, the book's formulas and the truth."""

import numpy as np
import pytest
import torch
from linear_rules import affine, exact_risk, pairs
from sklearn.linear_model import LinearRegression
from torch import Tensor

from mbdl_repro.areas.linear_estimation.bounds import (
    minimum_mean_squared_error,
    sample_estimator_risk,
)
from mbdl_repro.areas.linear_estimation.methods.discriminative import Discriminative
from mbdl_repro.areas.linear_estimation.methods.generative import Generative
from mbdl_repro.areas.linear_estimation.methods.linear_mmse import LinearMMSE
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.method import Method, Split
from mbdl_repro.learning.recipe import Recipe

WIDE = LinearGaussian(n_signal=7, n_observations=4, observation_matrix="gaussian")
TALL = LinearGaussian(n_signal=4, n_observations=6, observation_matrix="gaussian", noise_std=1.0)
PUBLISHED = LinearGaussian()
truths = pytest.mark.parametrize("truth", [PUBLISHED, WIDE, TALL])


def fitted(method: Method, train: Split) -> Method:
    """Return the method, fitted to these pairs."""
    (row,) = method.fit(train, train, Recipe(), torch.Generator())
    assert row["train_loss"] == row["validation_loss"] == method.loss(*train).item()
    return method


@truths
def test_linear_mmse_is_the_mean_of_the_posterior(truth: LinearGaussian) -> None:
    x = pairs(truth, 20, "test").x.numpy()
    precision = (
        np.linalg.inv(truth.covariance) + truth.matrix.T @ truth.matrix / truth.noise_variance
    )
    mean = np.linalg.solve(precision, truth.matrix.T @ x.T / truth.noise_variance).T
    np.testing.assert_allclose(LinearMMSE(truth)(torch.from_numpy(x)).numpy(), mean, atol=1e-10)


@truths
def test_linear_mmse_reaches_the_floor(truth: LinearGaussian) -> None:
    floor = minimum_mean_squared_error(truth)
    assert exact_risk(LinearMMSE(truth), truth) == pytest.approx(floor, rel=1e-9)


@truths
def test_discriminative_is_ordinary_least_squares(truth: LinearGaussian) -> None:
    train, x = pairs(truth, 60, "train"), pairs(truth, 20, "test").x
    expected = LinearRegression().fit(train.x.numpy(), train.s.numpy()).predict(x.numpy())
    estimate = fitted(Discriminative(truth), train)(x).detach().numpy()
    np.testing.assert_allclose(estimate, expected, atol=1e-10)


@truths
@pytest.mark.parametrize("signal_covariance", ["exponential", "identity"])
def test_generative_is_the_books_formula(truth: LinearGaussian, signal_covariance: str) -> None:
    train, x = pairs(truth, 60, "train"), pairs(truth, 20, "test").x.numpy()
    belief = truth.believed(signal_covariance=signal_covariance, observation_matrix=None)
    n = truth.n_signal
    C = np.cov(np.hstack([train.s.numpy(), train.x.numpy()]), rowvar=False)
    H = np.linalg.solve(C[:n, :n], C[:n, n:]).T
    precision = H.T @ H + truth.noise_variance * np.linalg.inv(belief.covariance)
    centred = x - train.x.numpy().mean(0) + train.s.numpy().mean(0) @ H.T
    expected = np.linalg.solve(precision, H.T @ centred.T).T
    estimate = fitted(Generative(belief), train)(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(estimate, expected, atol=1e-10)


@truths
def test_generative_with_the_true_model_is_the_linear_mmse(truth: LinearGaussian) -> None:
    generative = Generative(truth)
    with torch.no_grad():
        generative.observation_matrix.copy_(torch.tensor(truth.matrix))
    x = pairs(truth, 20, "test").x
    torch.testing.assert_close(generative(x), LinearMMSE(truth)(x))


@truths
@pytest.mark.parametrize("signal_covariance", ["exponential", "identity"])
def test_generative_tends_to_the_posterior_mean_of_its_belief(
    truth: LinearGaussian, signal_covariance: str
) -> None:
    belief = truth.believed(signal_covariance=signal_covariance)
    limit, _ = affine(LinearMMSE(belief), truth.n_observations)
    data = pairs(truth, 64_000, "train")
    few, many = (
        np.linalg.norm(
            affine(fitted(Generative(belief), data.first(n)), truth.n_observations)[0] - limit
        )
        for n in (1000, 64_000)
    )
    # The distance falls as 1/√n: by 8, give or take the luck of two draws.
    assert 0 < many < few / 3


@pytest.mark.parametrize(
    ("truth", "n_train", "n_fits"), [(PUBLISHED, 97, 150), (WIDE, 30, 1000), (TALL, 20, 1000)]
)
def test_theory_of_the_discriminative_risk(
    truth: LinearGaussian, n_train: int, n_fits: int
) -> None:
    risks = np.array(
        [
            exact_risk(fitted(Discriminative(truth), pairs(truth, n_train, "train", i)), truth)
            for i in range(n_fits)
        ]
    )
    standard_error = risks.std(ddof=1) / np.sqrt(n_fits)
    theory = sample_estimator_risk(truth, n_train)
    assert standard_error < 0.02 * theory
    assert abs(risks.mean() - theory) < 4 * standard_error
    assert risks.min() > minimum_mean_squared_error(truth)


@pytest.mark.parametrize("method_class", [Discriminative, Generative])
def test_an_unknown_mean_of_the_noise_is_learned(method_class: type[Method]) -> None:
    train, x = pairs(WIDE, 60, "train"), pairs(WIDE, 20, "test").x
    mean = torch.tensor([3.0, -1.0, 0.5, 10.0], dtype=torch.float64)
    plain = fitted(method_class(WIDE), train)(x)
    shifted = fitted(method_class(WIDE), Split(train.x + mean, train.s))(x + mean)
    torch.testing.assert_close(shifted, plain, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("method_class", "n_least"), [(Discriminative, 5), (Generative, 8)], ids=["x", "s"]
)
def test_too_few_pairs_are_refused(method_class: type[Method], n_least: int) -> None:
    with pytest.raises(ValueError, match=rf"n_train is {n_least - 1}.*from {n_least} training"):
        fitted(method_class(WIDE), pairs(WIDE, n_least - 1, "train"))
    fitted(method_class(WIDE), pairs(WIDE, n_least, "train"))


@pytest.mark.parametrize("method_class", [Discriminative, Generative])
def test_the_estimate_before_fitting_is_the_mean_of_the_signal(method_class: type[Method]) -> None:
    assert not method_class(WIDE)(pairs(WIDE, 5, "test").x).any()


def test_each_method_reads_only_what_it_may() -> None:
    nothing = WIDE.believed(observation_matrix=None, signal_covariance=None, noise_std=None)
    Discriminative(nothing)
    for withheld in ("observation_matrix", "signal_covariance", "noise_std"):
        with pytest.raises(ValueError, match=withheld):
            LinearMMSE(WIDE.believed(**{withheld: None}))
    for withheld in ("signal_covariance", "noise_std"):
        with pytest.raises(ValueError, match=withheld):
            Generative(WIDE.believed(**{withheld: None}))
    Generative(WIDE.believed(observation_matrix=None))


def test_gradients_of_the_generative_rule() -> None:
    method, (x, s) = fitted(Generative(WIDE), pairs(WIDE, 30, "train")), pairs(WIDE, 6, "test")

    def loss(H: Tensor, mean: Tensor) -> Tensor:
        state = {"observation_matrix": H, "noise_mean": mean}
        return (torch.func.functional_call(method, state, (x,)) - s).square().sum(1).mean()

    assert torch.autograd.gradcheck(loss, tuple(method.parameters()))
    method.loss(x, s).backward()
    assert all(parameter.grad.any() for parameter in method.parameters())
