"""Systems whose sensors leave nothing to be told: innovations that are certain before they come."""

import numpy as np

from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace

TURNED = np.array([[np.cos(0.3), np.sin(0.3)]])
STILL = {"transition": np.eye(2), "process_noise_std": 0.0, "noise_std": 1.0, "n_steps": 5}

SYSTEMS = {
    "a constant": LinearStateSpace(
        transition=[[1.0]], n_state=1, observation_noise=[[0.0]], noise_std=1.0,
        process_noise_std=0.0, initial_std=1.0, n_steps=4,
    ),
    "two constants": LinearStateSpace(**STILL, observation_noise=np.zeros((2, 2)), initial_std=1.0),
    "one of two constants": LinearStateSpace(
        **STILL, n_observations=1, observation_noise=[[0.0]], initial_std=2.0
    ),
    "a mixture of two constants": LinearStateSpace(
        **STILL, observation=TURNED, n_observations=1, observation_noise=[[0.0]], initial_std=2.0
    ),
    "known from the start": LinearStateSpace(**STILL, observation_noise=np.zeros((2, 2))),
    "steady motion": LinearStateSpace(
        transition="constant_velocity", n_observations=1, observation_noise=[[0.0]],
        process_noise_std=0.0, noise_std=1.0, initial_std=1.0, n_steps=6,
    ),
    "driven, one sensor of two exact": LinearStateSpace(
        transition="constant_velocity", process_noise="acceleration", process_noise_std=0.5,
        observation_noise=np.diag([0.0, 1.0]), noise_std=0.7, initial_std=1.0, n_steps=6,
    ),
    "an exact sensor and its twin": LinearStateSpace(
        transition="canonical", observation=[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
        n_observations=3, observation_noise=np.diag([0.0, 0.0, 1.0]), process_noise_std=0.5,
        noise_std=0.7, initial_std=1.0, n_steps=5,
    ),
}  # fmt: skip
