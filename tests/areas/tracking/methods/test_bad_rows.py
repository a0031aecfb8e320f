"""A row that has no answer takes no other row's answer with it, in any method."""

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.tracking.methods.particle_filter import ParticleFilter
from mbdl_repro.areas.tracking.methods.unscented_kalman_filter import UnscentedKalmanFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz

LINEAR = LinearStateSpace(
    transition="canonical", process_noise_std=0.5, noise_std=0.5, n_steps=6, initial_std=0.3
)
LORENZ = Lorenz(process_noise_std=0.1, noise_std=0.1, n_steps=6, initial_std=0.5)
TRUTHS = {
    "linear": LINEAR,
    "gaps": LINEAR.believed(missing_probability=0.3),
    "lorenz": LORENZ,
    "spherical": LORENZ.believed(observation="spherical"),
}
SMALL = {
    "input_multiplier": 1, "hidden_multiplier": 1, "output_multiplier": 1, "hidden_size": 3,
    "iterations": 2, "n_particles": 100,
}  # fmt: skip
VALUES = [np.inf, np.nan, 1e160, 0.0]
METHODS = catalogue.methods("tracking")


def built(name, truth, **others):
    info = METHODS[name]
    settings = {k: v for k, v in SMALL.items() if k in info.settings}
    try:
        method = catalogue.method_class(info)(truth, **settings, **others)
    except ValueError:
        return None  # it is for other systems
    if info.learns:
        rng = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for p in method.parameters():
                p += 0.1 * torch.randn(p.shape, generator=rng, dtype=p.dtype)
    return method


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=list(TRUTHS))
@pytest.mark.parametrize("name", METHODS)
def test_other_rows_are_as_they_were(name, truth):
    variants = [{"proposal": "linearized"}] if name == "particle_filter" else []
    variants += [{"magnitudes": True}] if "magnitudes" in METHODS[name].settings else []
    x = torch.from_numpy(truth.draw(4, "test").x)
    others = [0, 2, 3]
    for settings in [{}, *variants]:
        method = built(name, truth, **settings)
        if method is None:
            return
        claims = "claimed_variance" in dir(method)
        with torch.no_grad():
            alone = method(x[others])
            claimed = method.claimed_variance(x[others]) if claims else None
        for value in VALUES:
            for entries in (np.s_[1, 3, 0], np.s_[1]):
                bad = x.clone()
                bad[entries] = value
                with torch.no_grad():
                    answer = method(bad)
                    scale = alone.abs().max().item()
                    torch.testing.assert_close(answer[others], alone, rtol=0, atol=1e-9 * scale)
                    if claims:
                        ours = method.claimed_variance(bad)[others]
                        torch.testing.assert_close(
                            ours, claimed, rtol=1e-7, atol=1e-9, equal_nan=True
                        )
                if value == 0.0:
                    assert answer.isfinite().all()


@pytest.mark.parametrize("proposal", ["prior", "linearized"])
def test_a_row_without_an_answer_is_nan_from_there_on(proposal):
    x = torch.from_numpy(LORENZ.draw(2, "test").x)
    x[1, 3] = np.inf
    with torch.no_grad():
        answer = ParticleFilter(LORENZ, n_particles=100, proposal=proposal)(x)
    assert answer[0].isfinite().all() and answer[1, :3].isfinite().all()
    assert answer[1, 3:].isnan().all()


def test_points_that_cannot_leave_the_mean_are_refused():
    with pytest.raises(ValueError, match="alpha is 1e-170: its square is 0"):
        UnscentedKalmanFilter(LORENZ, alpha=1e-170)
