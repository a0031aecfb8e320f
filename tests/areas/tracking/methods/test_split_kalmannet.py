"""Split-KalmanNet: a gain of two positive semidefinite factors and the Jacobian of h."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.learned.network import Moment
from mbdl_repro.areas.tracking.methods.split_kalmannet import SplitKalmannet
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz

SPHERICAL = Lorenz(noise_std=0.1, process_noise_std=0.1, n_steps=5, observation="spherical")
MORE_SEEN = LinearStateSpace(
    transition="canonical",
    observation=((1.0, 0.5), (0.0, 2.0), (1.0, 1.0)),
    n_observations=3,
    process_noise_std=0.3,
    noise_std=0.3,
    n_steps=5,
)


def drawn(truth):
    """One whose weights, the last layers' too, are at random."""
    method = SplitKalmannet(truth, input_multiplier=2, hidden_multiplier=2)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in method.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=rng, dtype=torch.float64)
    return method


@pytest.mark.parametrize("truth", [SPHERICAL, MORE_SEEN], ids=["spherical", "linear"])
def test_the_gain_is_made_of_two_covariances_and_the_jacobian_at_the_prediction(truth):
    method = drawn(truth)
    m, n = truth.m, truth.n
    with torch.no_grad():
        track = method.track(torch.from_numpy(truth.draw(4, "test").x))
    before = np.broadcast_to(truth.mean_0, (4, m))
    for t in range(truth.n_steps):
        predicted, states = track.predictions[:, t].numpy(), track.states[:, t].numpy()
        np.testing.assert_allclose(predicted, truth.f(before), rtol=1e-10)
        P, S = (
            root.reshape(4, size, size) @ root.reshape(4, size, size).mT
            for root, size in zip(track.outputs[:, t].split((m * m, n * n), -1), (m, n))
        )
        for covariance in (P, S):
            values = torch.linalg.eigvalsh(covariance)
            assert (values > -1e-12 * values.abs().max()).all()
        H = truth.h_jacobian(predicted)
        gain = P.numpy() @ np.swapaxes(H, -1, -2) @ S.numpy()
        innovation = track.innovations[:, t].numpy()
        corrected = predicted + np.einsum("bij,bj->bi", gain, innovation)
        np.testing.assert_allclose(states, corrected, rtol=1e-10, atol=1e-10)
        before = states


def test_each_network_sees_its_own_differences():
    """What the first is shown moves P, and S only by way of the second."""
    method = drawn(MORE_SEEN)
    rng = torch.Generator().manual_seed(1)
    changes = torch.randn(1, 4, 3, generator=rng, dtype=torch.float64)
    differences = torch.randn(4, 7, generator=rng, dtype=torch.float64)

    def outputs(changes, differences):
        hidden, step = method.network.begin(changes)
        output, _ = step(Moment(0, differences), hidden)
        return output.detach().split((4, 9), -1)

    P, S = outputs(changes, differences)
    other_state = torch.cat((differences[:, :4] + 1, differences[:, 4:]), 1)
    for state_only, (P_new, S_new) in (
        (True, outputs(changes, other_state)),
        (False, outputs(changes + 1, differences)),
        (False, outputs(changes, torch.cat((differences[:, :4], differences[:, 4:] + 1), 1))),
    ):
        assert torch.equal(S_new, S) == state_only
        assert torch.equal(P_new, P) != state_only
