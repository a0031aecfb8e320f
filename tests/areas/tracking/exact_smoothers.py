"""Exact errors of estimates of a whole trajectory that are affine in its observations."""

import numpy as np
import torch
from areas.tracking.gaussian_oracle import Joint

from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.contract.method import Method


def affine(method: Method, truth: LinearStateSpace) -> tuple[np.ndarray, np.ndarray]:
    """Return A (T m, T n) and b (T m,) of ŝ = A x + b."""
    T, n = truth.n_steps, truth.n
    inputs = torch.cat((torch.zeros(1, T * n), torch.eye(T * n))).double().unflatten(1, (T, n))
    with torch.no_grad():
        b, *columns = method(inputs).flatten(1).numpy()
    return np.stack(columns, 1) - b[:, None], b


def exact_mse(method: Method, truth: LinearStateSpace) -> float:
    """Return the expected squared error of an entry: no test set, no noise."""
    A, b = affine(method, truth)
    joint, m = Joint(linear_arrays(truth), truth.n_steps), truth.m
    C_s, C_sx = joint.covariance[m:, m:], joint.crossed[m:]
    bias = A @ joint.x_mean + b - joint.mean[m:]
    spread = A @ joint.x_covariance @ A.T - 2 * A @ C_sx.T + C_s
    return float((np.trace(spread) + bias @ bias) / len(b))


def posterior(belief: LinearStateSpace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Q (T m, T m), its own blocks D, and the gain of the posterior mean, of zero means."""
    T, m = belief.n_steps, belief.m
    joint = Joint(linear_arrays(belief), T)
    gain = np.linalg.solve(joint.x_covariance, joint.crossed[m:].T).T
    Q = np.linalg.inv(joint.covariance[m:, m:] - gain @ joint.crossed[m:].T)
    return Q, Q * np.kron(np.eye(T), np.ones((m, m))), gain


def best_polynomial(belief: LinearStateSpace, truth: LinearStateSpace, k: int) -> float:
    """Return the least exact error of H⁺x + q(D⁻¹Q) D⁻¹(b − Q H⁺x), q of degree k − 1.

    A least-squares fit of k numbers, over the law of the truth; all means are 0.
    """
    Q, D, gain = posterior(belief)
    T, m = truth.n_steps, truth.m
    joint = Joint(linear_arrays(truth), T)
    C_s, C_sx, C_x = joint.covariance[m:, m:], joint.crossed[m:], joint.x_covariance
    start = np.kron(np.eye(T), np.linalg.pinv(belief.H))
    B = np.linalg.solve(D, Q)
    features = [B @ (gain - start)]
    for _ in range(k - 1):  # like Krylov vectors, each made orthogonal to those before it
        new = B @ features[-1]
        for _ in range(2):
            for one in features:
                new = new - np.trace(one @ C_x @ new.T) / np.trace(one @ C_x @ one.T) * one
        features.append(new / np.sqrt(np.trace(new @ C_x @ new.T)))
    left = np.trace(C_s - 2 * start @ C_sx.T + start @ C_x @ start.T)
    for one in features:
        along = np.trace(one @ (C_sx - start @ C_x).T)
        left -= along**2 / np.trace(one @ C_x @ one.T)
    return float(left / (T * m))
