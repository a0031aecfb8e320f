"""Pairs of linear estimation, and what is known of a rule that is affine in x."""

import numpy as np
import torch

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.method import Method, Split


def pairs(truth: LinearGaussian, n: int, *stream: object) -> Split:
    """Return pairs of the truth, as tensors."""
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


@torch.no_grad()
def affine(method: Method, n_observations: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the gain A and offset b of an estimator that is affine in x."""
    b = method(torch.zeros(1, n_observations, dtype=torch.float64))
    A = (method(torch.eye(n_observations, dtype=torch.float64)) - b).mT
    return A.numpy(), b[0].numpy()


def exact_risk(method: Method, truth: LinearGaussian) -> float:
    """Return the expected squared error of an affine estimator: no test set, no noise."""
    A, b = affine(method, truth.n_observations)
    error = A @ truth.matrix - np.eye(truth.n_signal)
    return (
        np.trace(error @ truth.covariance @ error.T) + truth.noise_variance * (A**2).sum() + b @ b
    )
