"""Methods that know another H after their fit: the same weights, and the new physics."""

import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

HOME = Photographs(
    degradation="compressed_sensing", noise_std=0.01, side=16, patch_side=16, block_side=8
)
ELSEWHERE = [
    HOME.believed(ratio=0.5),
    HOME.believed(noise_std=0.1),
    HOME.believed(degradation="deblurring"),
    HOME.believed(degradation="super_resolution"),
]
SETTINGS = {
    "unfolded_proximal_gradient": {"iterations": 2, "channels": 3},
    "modl": {"iterations": 2, "channels": 3},
    "u_net": {"channels": 3, "levels": 2},
    "plug_and_play_admm": {"iterations": 3, "channels": 3, "layers": 3},
    "plug_and_play_hqs": {"iterations": 3, "channels": 3, "layers": 3},
    "total_variation": {"iterations": 5},
}


def drawn(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def built(name, belief):
    info = catalogue.methods("image_restoration")[name]
    return catalogue.method_class(info)(belief, **SETTINGS[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_what_was_fitted_at_one_h_serves_another(name):
    method = built(name, HOME)
    recipe = Recipe(steps=5, batch_size=4, validate_every=5)
    if any(p.requires_grad for p in method.parameters()):
        method.fit(drawn(HOME, 8, "train"), drawn(HOME, 2, "validation"), recipe, torch_rng_for(0))
    at_home = method(drawn(HOME, 2, "test").x)
    for truth in ELSEWHERE:
        told = built(name, truth)
        told.load_state_dict(method.state_dict())
        test = drawn(truth, 2, "test")
        answer = told(test.x)
        assert answer.shape == at_home.shape and torch.isfinite(answer).all()
        # It is the new H that it agrees with, better than its first image or an empty one.
        H = operator_of(truth)
        misfit = (H(answer) - test.x).norm()
        assert misfit < 0.5 * test.x.norm()
        if isinstance(method, PriorMethod):
            assert torch.equal(told.prior(test.s, 0.05), method.prior(test.s, 0.05))
