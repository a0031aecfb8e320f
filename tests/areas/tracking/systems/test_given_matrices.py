"""Matrices as users have them: arrays, lists, tensors, or tuples as in an experiment's file."""

import dataclasses

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import SYSTEMS, as_tuples

from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.covariance import covariance_root, is_singular

F = np.array([[1.0, 0.1], [0.0, 0.9]])
H = np.array([[1.0, 0.5]])
V = np.array([[0.2, 0.1], [0.1, 0.3]])
W = np.array([[0.5]])
NOISE = {"noise_std": 1.0, "process_noise_std": 1.0, "n_steps": 4, "n_observations": 1}
GIVEN = {"transition": F, "observation": H, "process_noise": V, "observation_noise": W}
WRITTEN = LinearStateSpace(
    **{name: as_tuples(matrix) for name, matrix in GIVEN.items()}, initial_state=(1.0, 2.0), **NOISE
)


@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist, torch.tensor, list])
def test_an_array_is_what_its_rows_written_out_are(kind):
    given = {name: kind(matrix) for name, matrix in GIVEN.items()}
    ours = LinearStateSpace(**given, initial_state=kind(np.array([1.0, 2.0])), **NOISE)
    assert ours == WRITTEN
    assert hash(ours) == hash(WRITTEN)
    assert ours.identity() == WRITTEN.identity()
    for name, matrix in (("F", F), ("H", H), ("V", V), ("W", W), ("mean_0", [1.0, 2.0])):
        np.testing.assert_array_equal(getattr(ours, name), matrix)
    for a, b in zip(ours.draw(3, "test"), WRITTEN.draw(3, "test"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_was_given_may_change_and_the_system_does_not():
    own = F.copy()
    ours = LinearStateSpace(**GIVEN | {"transition": own}, **NOISE)
    own[0, 0] = 7.0
    np.testing.assert_array_equal(ours.F, F)


def test_whole_numbers_are_numbers_however_they_are_given():
    """So that Python and a file name the same streams."""
    for ones in (np.eye(2, dtype=int), ((1, 0), (0, 1)), [[1, 0], [0, 1]]):
        whole = LinearStateSpace(transition=ones, **NOISE)
        assert all(type(entry) is float for row in whole.transition for entry in row)


def test_matrices_that_vary_and_beliefs_are_given_alike():
    truth = SYSTEMS["varying"]
    ours = dataclasses.replace(truth, transition=truth.F, observation=truth.H)
    assert ours == truth
    assert truth.believed(process_noise=np.eye(3)).process_noise == as_tuples(np.eye(3))


def test_a_start_is_given_as_an_array_to_any_system():
    ours = Lorenz(**{k: v for k, v in NOISE.items() if k != "n_observations"},
                  initial_state=np.array([1.0, 2.0, 3.0]))  # fmt: skip
    assert ours.initial_state == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"transition": np.eye(3)}, r"transition has shape \(3, 3\): allowed are \(2, 2\)"),
        ({"observation": np.eye(2)}, "n_observations 1, or 4 of them"),
        ({"transition": F + 1j}, "transition"),
        ({"transition": [["a", 0.0], [0.0, 1.0]]}, "transition"),
        (
            {"transition": np.diag([1.0, np.nan])},
            r"\[1\]\[1\] is nan: should be a finite",
        ),
        ({"process_noise": np.diag([np.inf, 1.0])}, "inf: should be a finite number"),
        ({"process_noise": np.array([[1.0, 0.2], [0.1, 1.0]])}, "process_noise: .* not symmetric"),
        ({"process_noise": np.diag([1.0, -1e-3])}, "not positive semidefinite"),
        ({"process_noise": np.diag([1e6, -1e-6])}, "not positive semidefinite"),
        ({"process_noise": np.array([[0.0, 0.1], [0.1, 1.0]])}, "not positive semidefinite"),
        ({"initial_state": np.ones(3)}, "initial_state has 3 entries"),
        ({"initial_state": np.array(1.0)}, "initial_state is 1.0: should be a list"),
        ({"initial_state": np.array([1.0, np.inf])}, r"initial_state\[1\] is inf"),
        ({"noise_std": float("nan")}, "noise_std is nan"),
        ({"noise_std": 1e200}, r"noise_std is 1e\+200: allowed are numbers up to"),
        ({"process_noise_std": None, "noise_ratio_db": 1e5}, "noise_ratio_db is 100000"),
        ({"initial_std": float("inf")}, "initial_std is inf"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_is_wrong_is_said(changes, words):
    with pytest.raises(ValueError, match=words):
        LinearStateSpace(**GIVEN | NOISE | changes)


def test_the_largest_numbers_that_are_taken_have_finite_variances():
    extreme = LinearStateSpace(
        **GIVEN | NOISE | {"noise_std": 1e100, "process_noise_std": None, "noise_ratio_db": 1e3}
    )
    assert np.isfinite(extreme.V).all() and np.isfinite(extreme.W).all()


# --- each entry of a covariance on the scale of its own unit ---

UNIT = np.diag([1e6, 1e-8])
UNLIKE = UNIT @ np.array([[1.0, 0.9], [0.9, 1.0]]) @ UNIT


def test_the_root_of_a_covariance_keeps_the_digits_of_small_units():
    root = covariance_root(UNLIKE)
    std = UNIT.diagonal()
    assert (np.abs(root @ root.T - UNLIKE) < 1e-14 * np.outer(std, std)).all()


def test_rounding_in_a_large_unit_is_no_asymmetry():
    noisy = UNLIKE + np.array([[0.0, 1e-18], [0.0, 0.0]])
    np.testing.assert_allclose(covariance_root(noisy), covariance_root(UNLIKE), rtol=1e-9)


def test_small_units_do_not_make_a_covariance_singular():
    assert not is_singular(UNLIKE)
    assert not is_singular(np.stack([UNLIKE, np.eye(2)]))
    assert is_singular(np.diag([1.0, 0.0]))
    assert is_singular(np.ones((2, 2)))
    assert is_singular(np.stack([np.eye(2), UNIT @ np.ones((2, 2)) @ UNIT]))


def test_a_filter_takes_what_is_given():
    x = torch.from_numpy(WRITTEN.draw(2, "test").x)
    given = LinearStateSpace(**GIVEN, initial_state=np.array([1.0, 2.0]), **NOISE)
    with torch.no_grad():
        assert torch.equal(KalmanFilter(given)(x), KalmanFilter(WRITTEN)(x))
