"""A mass that a force moves: its matrices beside closed forms, its inputs beside their law."""

import numpy as np
import pytest

from mbdl_repro.areas.tracking.systems.controlled import Controlled, pseudo_random_bits

KNOWN = {"noise_std": 0.5, "process_noise_std": 0.0, "n_steps": 9, "initial_state": (1.0, -2.0)}


@pytest.mark.parametrize("mass", [0.5, 2.0])
def test_without_a_spring_it_is_the_double_integrator(mass):
    truth = Controlled(mass_kg=mass, time_step_s=0.3, **KNOWN)
    np.testing.assert_allclose(truth.F, [[1.0, 0.3], [0.0, 1.0]], atol=1e-14)
    np.testing.assert_allclose(truth.B, [[0.045 / mass], [0.3 / mass]], rtol=1e-12)


def test_on_a_spring_it_swings():
    truth = Controlled(mass_kg=2.0, stiffness_n_per_m=8.0, time_step_s=0.3, **KNOWN)
    c, s = np.cos(0.6), np.sin(0.6)  # at 2 rad/s
    np.testing.assert_allclose(truth.F, [[c, s / 2], [-2 * s, c]], rtol=1e-12)
    np.testing.assert_allclose(truth.B, [[(1 - c) / 8], [s / 4]], rtol=1e-12)


def test_without_noise_a_record_is_what_many_small_steps_of_the_motion_give():
    truth = Controlled(mass_kg=2.0, stiffness_n_per_m=3.0, **KNOWN)
    position, velocity = KNOWN["initial_state"]
    h, s = 2e-6, truth.draw(1, "test").s[0]
    for t in range(3):
        for _ in range(round(truth.time_step_s / h)):
            velocity += h * (truth.probe[t, 0] - 3.0 * position) / 2.0
            position += h * velocity
        np.testing.assert_allclose(s[t], [position, velocity], rtol=1e-4)


def test_the_force_is_a_sequence_of_greatest_period():
    bits = pseudo_random_bits(300)
    assert np.array_equal(bits[:127], bits[127:254])
    windows = {tuple(bits[i : i + 7]) for i in range(127)}
    assert len(windows) == 127, "each word of seven bits once, but for seven zeros"
    probe = Controlled(probe_force_n=3.0, **KNOWN).probe
    assert probe[0, 0] == 0.0
    assert set(np.abs(probe[1:, 0])) == {3.0}


def test_what_is_withheld_is_named_and_what_is_of_other_systems_is_refused():
    truth = Controlled(mass_kg=None, **KNOWN)
    with pytest.raises(ValueError, match="mass_kg is withheld"):
        truth.check_truth()
    with pytest.raises(ValueError, match="start_seen"):
        Controlled(start_seen=True, **KNOWN)


def test_masses_in_a_row_move_as_springs_and_the_force_on_the_last_say():
    truth = Controlled(
        n_masses=3, mass_kg=2.0, stiffness_n_per_m=3.0, noise_std=0.5, process_noise_std=0.0,
        n_steps=3, initial_state=(1.0, -2.0, 0.5, 0.3, 0.0, -1.0),
    )  # fmt: skip
    assert (truth.m, truth.n) == (6, 6)
    x, v = np.split(np.array(truth.initial_state), 2)
    h, s = 2e-5, truth.draw(1, "test").s[0]
    for t in range(3):
        for _ in range(round(truth.time_step_s / h)):
            a = -3.0 * (x[0] - 0.0), -3.0 * (x[1] - x[0]), -3.0 * (x[2] - x[1])  # of each spring
            v = v + h * np.array([a[0] - a[1], a[1] - a[2], a[2] + truth.probe[t, 0]]) / 2.0
            x = x + h * v
        np.testing.assert_allclose(s[t], [*x, *v], atol=1e-3)


def test_the_probe_stays_within_the_limit():
    probe = Controlled(force_limit_n=1.0, probe_force_n=2.0, **KNOWN).probe
    assert set(np.abs(probe[1:, 0])) == {1.0}
