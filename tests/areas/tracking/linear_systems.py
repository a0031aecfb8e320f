"""Linear systems that the tests of tracking share."""

import dataclasses

import numpy as np

from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace

EXAMPLE_3_5 = LinearStateSpace(
    transition="constant_velocity",
    process_noise="acceleration",
    process_noise_std=0.5,
    noise_std=2.0,
    n_observations=1,
    time_step_s=0.1,
    n_steps=200,
    initial_state=(0.0, 1.0),
)
"""Of Examples 3.5 and 5.2: V has rank one, and the first state is known."""

CANONICAL = LinearStateSpace(transition="canonical", noise_ratio_db=0.0, noise_std=0.1, n_steps=20)


def as_tuples(array):
    return tuple(map(as_tuples, array)) if array.ndim else float(array)


def random_covariances(rng, T, k):
    root = rng.standard_normal((T, k, k))
    return root @ np.swapaxes(root, 1, 2) + 0.1 * np.eye(k)


def varying(T=7, m=3, n=2, seed=0, **changes):
    """Return a system all of whose matrices vary in time."""
    rng = np.random.default_rng(seed)
    return LinearStateSpace(
        transition=as_tuples(rng.standard_normal((T, m, m)) / np.sqrt(m)),
        observation=as_tuples(rng.standard_normal((T, n, m))),
        process_noise=as_tuples(random_covariances(rng, T, m)),
        observation_noise=as_tuples(random_covariances(rng, T, n)),
        n_state=m,
        n_observations=n,
        n_steps=T,
        process_noise_std=0.8,
        noise_std=0.6,
        initial_std=0.7,
        initial_state=tuple(range(m)),
        **changes,
    )


SYSTEMS = {
    "rank one": dataclasses.replace(EXAMPLE_3_5, n_steps=7),
    "random start": dataclasses.replace(CANONICAL, n_steps=7, initial_std=0.4),
    "varying": varying(),
    "one entry": LinearStateSpace(
        transition=((0.9,),), n_state=1, n_observations=1, noise_std=1.0, n_steps=7,
        process_noise_std=1.0,
    ),
    "more seen than there is": varying(m=2, n=4, seed=1),
}  # fmt: skip
