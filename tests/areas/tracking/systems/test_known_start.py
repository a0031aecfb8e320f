"""Windows of longer orbits, whose start is seen without noise."""

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz

WINDOWS = Lorenz(
    process_noise_std=0.05,
    noise_std=0.5,
    n_steps=10,
    initial_state=(0.0, 0.0, 25.0),
    initial_std=8.0,
    start_seen=True,
)


def method(name: str, belief):
    return catalogue.method_class(catalogue.methods("tracking")[name])(belief)


def test_only_the_first_observation_is_without_noise():
    x, s = WINDOWS.draw(200, "test")
    np.testing.assert_array_equal(x[:, 0], s[:, 0])
    errors = (x - s)[:, 1:] / WINDOWS.noise_std
    assert abs(errors.std() - 1) < 5 / np.sqrt(2 * errors.size)
    assert s[:, 0].std(0).min() > 5, "and orbits begin far apart"


@pytest.mark.parametrize(
    "name",
    [
        "extended_kalman_filter",
        "rk4_extended_kalman_filter",
        "unscented_kalman_filter",
        "kalmannet",
        "kalmannet_gru",
        "split_kalmannet",
        "unsupervised_kalmannet",
        "recurrent_difference",
    ],
)
def test_filters_begin_where_they_see_it(name):
    x = torch.from_numpy(WINDOWS.draw(5, "test").x)
    with torch.no_grad():
        estimate = method(name, WINDOWS)(x)
    torch.testing.assert_close(estimate[:, 0], x[:, 0], rtol=0, atol=1e-9)
    assert (estimate[:, 1:] - x[:, 1:]).abs().min() > 1e-9


def test_from_there_on_it_is_the_filter_that_was_told_the_start():
    """Once s_1 is known, how it was found out does not matter."""
    x = torch.from_numpy(WINDOWS.draw(1, "test").x)
    told = WINDOWS.believed(
        initial_state=tuple(x[0, 0].tolist()), initial_std=0.0, start_seen=False
    )
    for name in ("extended_kalman_filter", "unscented_kalman_filter"):
        with torch.no_grad():
            seen = method(name, WINDOWS)(x)[:, 1:]
            known = method(name, told)(x[:, 1:])
        torch.testing.assert_close(seen, known, rtol=1e-7, atol=1e-7)


def test_orbits_have_settled_where_a_window_begins():
    """Wherever they began."""
    settled = WINDOWS.believed(burn_in_steps=250, n_steps=1).draw(500, "test").s[:, 0]
    _, begun = WINDOWS.believed(n_steps=1).draw(500, "test")
    long = WINDOWS.believed(burn_in_steps=2000, n_steps=1).draw(500, "other").s[:, 0]
    for of, closer in ((np.mean, 1.5), (np.std, 1.0)):
        assert np.abs(of(settled, 0) - of(long, 0)).max() < closer
    assert np.abs(begun[:, 0].std(0) - long.std(0)).max() > 1.0, "as they had not before"


def test_who_cannot_take_it_says_so():
    with pytest.raises(ValueError, match="start_seen"), torch.no_grad():
        method("particle_filter", WINDOWS)(torch.from_numpy(WINDOWS.draw(1, "test").x))
    with pytest.raises(ValueError, match="write out"):
        LinearStateSpace(
            transition="canonical",
            process_noise_std=0.5,
            noise_std=0.5,
            n_steps=6,
            start_seen=True,
        )
