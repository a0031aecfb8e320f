"""Streams are named by what is written here, wherever the code stands that draws from them.

Generators are made from the text of the names by hand: what is stored was drawn from these.
"""

import hashlib
import json

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.systems.federated_clients import FederatedClients
from mbdl_repro.areas.doa.methods.deep_root_music import DeepRootMusic
from mbdl_repro.areas.doa.methods.subspacenet import Subspacenet
from mbdl_repro.areas.doa.scenario import Misplaced, Narrowband, Ofdm
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.areas.image_restoration.methods.plug_and_play_admm import PlugAndPlayAdmm
from mbdl_repro.areas.image_restoration.physics.kernels import convolved
from mbdl_repro.areas.image_restoration.priors.autoencoder import VariationalAutoencoder
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.priors.flow import Flow
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.image_restoration.systems.many_degradations import (
    ManyDegradations,
    drawn_kernel,
    fixed_kernel,
)
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.areas.precoding.scenario import HybridPrecoding
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.areas.sparse_recovery.systems.random_generator import RandomGenerator
from mbdl_repro.areas.tracking.systems.controlled import Controlled
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.sinusoidal import Sinusoidal
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import gradient_descent

SPARSE = {
    "observation_matrix": "unit_columns",
    "n_observations": 8,
    "n_signal": 12,
    "n_nonzeros": 2,
    "nonzero_std": 0.5,
    "noise_std": 0.05,
}
MOTION = {"process_noise_std": 0.1, "noise_std": 0.5, "n_steps": 6}
SOURCES = {"n_sources": 2, "n_snapshots": 3, "snr_db": 10.0}
FRAMES = {"decays": (0.2, 1.0), "n_symbols": 20}
MIXED = {"n_users": 3, "channel": "iid", "n_symbols": 20}
MOVIES = {"camera_side": 3, "n_frames": 5}
GENERATED = {"expansion": 3, "n_latent": 2, "observations_per_latent": 4.0}
IMAGES = {"degradation": "denoising", "noise_std": 0.3}
MANY = {"case": "shake_x1", "side": 12, "patch_side": 12}

TRUTHS = {
    "distributed.distributed_lasso": DistributedLasso(n_agents=5),
    "distributed.federated_clients": FederatedClients(environment="links"),
    "doa.look": Look(n_snapshots=4),
    "doa.misplaced": Misplaced(**SOURCES),
    "doa.narrowband": Narrowband(**SOURCES),
    "doa.ofdm": Ofdm(**SOURCES),
    "image_restoration.digits": Digits(**IMAGES),
    "image_restoration.many_degradations": ManyDegradations(**MANY),
    "image_restoration.photographs": Photographs(**IMAGES),
    "linear_estimation.linear_gaussian": LinearGaussian(noise_std=0.1),
    "precoding.hybrid_precoding": HybridPrecoding(n_chains=4),
    "low_rank_sparse.contrast_ultrasound": ContrastUltrasound(n_frames=4),
    "receivers.coded_words": CodedWords(code="bch_15_7"),
    "receivers.fading_memory": FadingMemory(n_blocks=3),
    "receivers.finite_memory": FiniteMemory(**FRAMES),
    "receivers.linear_mimo": LinearMimo(**MIXED),
    "sparse_recovery.blinking_emitters": BlinkingEmitters(**MOVIES),
    "sparse_recovery.random_generator": RandomGenerator(**GENERATED),
    "sparse_recovery.sparse_recovery": SparseRecovery(**SPARSE),
    "tracking.controlled": Controlled(**MOTION),
    "tracking.linear_state_space": LinearStateSpace(transition="canonical", **MOTION),
    "tracking.lorenz": Lorenz(**MOTION),
    "tracking.sinusoidal": Sinusoidal(**MOTION),
}
FIELDS = {
    "distributed.distributed_lasso": {"n_agents": 5},
    "distributed.federated_clients": {"environment": "links"},
    "doa.look": {"n_snapshots": 4},
    "doa.misplaced": SOURCES,
    "doa.narrowband": SOURCES,
    "doa.ofdm": SOURCES,
    "image_restoration.digits": IMAGES,
    "image_restoration.many_degradations": MANY,
    "image_restoration.photographs": IMAGES,
    "linear_estimation.linear_gaussian": {"noise_std": 0.1},
    "precoding.hybrid_precoding": {"n_chains": 4},
    "low_rank_sparse.contrast_ultrasound": {"n_frames": 4},
    "receivers.coded_words": {"code": "bch_15_7"},
    "receivers.fading_memory": {"n_blocks": 3},
    "receivers.finite_memory": FRAMES,
    "receivers.linear_mimo": MIXED,
    "sparse_recovery.blinking_emitters": MOVIES,
    "sparse_recovery.random_generator": GENERATED,
    "sparse_recovery.sparse_recovery": SPARSE,
    "tracking.controlled": MOTION,
    "tracking.linear_state_space": {"transition": "canonical", **MOTION},
    "tracking.lorenz": MOTION,
    "tracking.sinusoidal": MOTION,
}


def entropy(text: str) -> int:
    """The first 128 bits of the hash of the names' text."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:32], 16)


def numpy_generator(text: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy(text))))


def torch_generator(text: str) -> torch.Generator:
    generator = torch.Generator()
    generator.manual_seed(entropy(text) & (2**63 - 1))
    return generator


def test_every_scenario_is_pinned():
    there = {f"{area}.{name}" for area in catalogue.areas() for name in catalogue.scenarios(area)}
    assert there == TRUTHS.keys() == FIELDS.keys()


@pytest.mark.parametrize("kind", TRUTHS)
def test_an_identity_is_the_area_and_the_fields_that_are_not_as_by_default(kind):
    area, name = kind.split(".")
    truth = TRUTHS[kind]
    assert truth.identity() == (area, FIELDS[kind])
    assert (truth.area, truth.name) == (area, name)
    assert type(truth) is catalogue.scenarios(area)[name]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("distributed.distributed_lasso", '["data","distributed",{"n_agents":5},'),
        ("distributed.federated_clients", '["data","distributed",{"environment":"links"},'),
        ("doa.look", '["data","doa",{"n_snapshots":4},'),
        ("doa.misplaced", '["data","doa",{"n_snapshots":3,"n_sources":2,"snr_db":10.0},'),
        ("doa.narrowband", '["data","doa",{"n_snapshots":3,"n_sources":2,"snr_db":10.0},'),
        ("doa.ofdm", '["data","doa",{"n_snapshots":3,"n_sources":2,"snr_db":10.0},'),
        ("linear_estimation.linear_gaussian", '["data","linear_estimation",{"noise_std":0.1},'),
        ("precoding.hybrid_precoding", '["data","precoding",{"n_chains":4},'),
        ("low_rank_sparse.contrast_ultrasound", '["data","low_rank_sparse",{"n_frames":4},'),
        ("receivers.coded_words", '["data","receivers",{"code":"bch_15_7"},'),
        ("receivers.fading_memory", '["data","receivers",{"n_blocks":3},'),
        (
            "receivers.finite_memory",
            '["data","receivers",{"decays":[0.2,1.0],"n_symbols":20},',
        ),
        (
            "receivers.linear_mimo",
            '["data","receivers",{"channel":"iid","n_symbols":20,"n_users":3},',
        ),
        (
            "sparse_recovery.blinking_emitters",
            '["data","sparse_recovery",{"camera_side":3,"n_frames":5},',
        ),
        (
            "sparse_recovery.random_generator",
            '["data","sparse_recovery",{"expansion":3,"n_latent":2,"observations_per_latent":4.0},',
        ),
        (
            "sparse_recovery.sparse_recovery",
            '["data","sparse_recovery",{"n_nonzeros":2,"n_observations":8,"n_signal":12,'
            '"noise_std":0.05,"nonzero_std":0.5,"observation_matrix":"unit_columns"},',
        ),
        (
            "tracking.controlled",
            '["data","tracking",{"n_steps":6,"noise_std":0.5,"process_noise_std":0.1},',
        ),
        (
            "tracking.linear_state_space",
            '["data","tracking",{"n_steps":6,"noise_std":0.5,"process_noise_std":0.1,'
            '"transition":"canonical"},',
        ),
        (
            "tracking.lorenz",
            '["data","tracking",{"n_steps":6,"noise_std":0.5,"process_noise_std":0.1},',
        ),
        (
            "tracking.sinusoidal",
            '["data","tracking",{"n_steps":6,"noise_std":0.5,"process_noise_std":0.1},',
        ),
    ],
)
def test_data_come_from_the_stream_of_these_names(kind, text):
    truth = TRUTHS[kind]
    drawn = truth.draw(2, "train", 7)
    expected = truth.sample(truth.chunk_size, numpy_generator(text + '"train",7,0]')).first(2)
    assert np.array_equal(drawn.x, expected.x)
    assert np.array_equal(drawn.s, expected.s)


@pytest.mark.parametrize("collection", ["digits", "photographs"])
def test_images_and_their_noise_come_from_the_streams_of_these_names(collection):
    truth = TRUTHS[f"image_restoration.{collection}"]
    images = f'["images","image_restoration","{collection}",{{}},"train",7,0]'
    noise = '["data","image_restoration",{"degradation":"denoising","noise_std":0.3},"train",7,0]'
    s = truth.targets(truth.chunk_size, "train", 7, numpy_generator(images))
    x = s + 0.3 * numpy_generator(noise).standard_normal(s.shape)
    drawn = truth.draw(2, "train", 7)
    assert np.array_equal(drawn.s, s[:2])
    assert np.array_equal(drawn.x, x[:2])


def test_degradations_come_from_the_stream_of_these_names_and_what_is_told_from_its_own():
    truth = ManyDegradations(**MANY, told_kernel="another")
    names = '"image_restoration",{"case":"shake_x1","patch_side":12,"side":12},"train",7,0]'
    noise = numpy_generator(f'["data",{names}').standard_normal((12, 12))
    drawn = truth.draw(1, "train", 7)
    blurred = convolved(drawn.s[0], fixed_kernel("shake"))
    np.testing.assert_allclose(drawn.x[0, 0], blurred + 0.01 * noise, rtol=0, atol=1e-12)
    told = drawn_kernel(numpy_generator(f'["told",{names}'))
    assert np.array_equal(drawn.x[0, 1, 1:12, 1:12], told)


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (DeepRootMusic, '["unfitted","DeepRootMusic"]'),
        (Subspacenet, '["unfitted","Subspacenet"]'),
    ],
)
def test_unfitted_weights_come_from_the_stream_of_these_names(cls, text):
    method, again = (cls(TRUTHS["doa.narrowband"], lags=2) for _ in range(2))
    again.network.draw(torch_generator(text))
    for ours, expected in zip(method.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, expected)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (Denoiser, "mbdl_repro.image_restoration.denoiser.Denoiser"),
        (VariationalAutoencoder, "mbdl_repro.image_restoration.autoencoder.VariationalAutoencoder"),
        (Flow, "mbdl_repro.image_restoration.flow.Flow"),
    ],
)
def test_a_prior_is_called_as_it_was_when_its_kept_fits_were_drawn(cls, name):
    assert vars(cls)["name"] == name


def test_the_fit_of_a_prior_comes_from_the_stream_of_these_names():
    truth = TRUTHS["image_restoration.digits"]
    train, validation = (
        Split(*map(torch.from_numpy, truth.draw(4, name))) for name in ("train", "validation")
    )
    recipe = Recipe(steps=2, batch_size=4)
    method = PlugAndPlayAdmm(truth, channels=3, layers=2)
    method.fit(train, validation, recipe, torch.Generator())

    def digest(images):
        array = images.numpy()
        return hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()

    settings = {"channels": 3, "largest_std": 0.2, "layers": 2, "lipschitz": "free"}
    spec = {
        "images": [digest(train.s), digest(validation.s)],
        "prior": "mbdl_repro.image_restoration.denoiser.Denoiser",
        "recipe": recipe.model_dump(),
        "settings": settings,
    }
    text = json.dumps(["prior", spec], sort_keys=True, separators=(",", ":"))
    rng = torch_generator(text)
    again = Denoiser(**settings)
    pairs = again.pairs(train.s, rng), again.pairs(validation.s, rng)
    gradient_descent([again], pairs[:1], pairs[1:], recipe, [rng])
    for ours, expected in zip(method.prior.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, expected)
