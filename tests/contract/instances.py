"""A small instance of each method, found by discovery: what the tests of all methods share.

A new method whose settings have the names of other methods' needs no change here; a new setting
without a default needs a value in its area's table, and a new area needs a table of its own.
Data are drawn once, and each method is fitted once.
"""

import copy
import dataclasses
import typing
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.systems.federated_clients import FederatedClients
from mbdl_repro.areas.doa.scenario import Narrowband, Ofdm
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.areas.image_restoration.priors.prior import Prior, PriorMethod
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.image_restoration.systems.many_degradations import ManyDegradations
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
from mbdl_repro.catalogue import REQUIRED, MethodInfo
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import History

EPS = float(np.finfo(float).eps)


class Small(NamedTuple):
    """A small instance of an area: a truth, and values for settings by their names."""

    truth: Scenario
    settings: dict[str, Any]
    n_train: int = 200
    n_test: int = 4000
    recipe: Recipe = Recipe(
        learning_rate=3e-2, steps=50, batch_size=32, validate_every=10, clip_norm=1.0
    )
    metric: str = "squared_error"
    """On which methods are compared with floors, and with the prior mean, 0."""
    mistaken: Mapping[str, Any] = MappingProxyType({})
    """What is believed wrongly, for methods that nothing can be taught where all is known."""


SMALL = {
    "linear_estimation": Small(
        LinearGaussian(n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=0.5),
        {"hidden_widths": (6,), "iterations": 2, "hidden_size": 6, "half_width": 2, "copies": 2},
    ),
    "sparse_recovery": Small(
        SparseRecovery(
            observation_matrix="unit_columns",
            n_observations=8,
            n_signal=12,
            n_nonzeros=2,
            nonzero_std=0.5,
            noise_std=0.05,
        ),
        {"iterations": 4, "rho": 0.02, "penalty": 0.2, "hidden_widths": (6,), "threshold": 0.01},
        recipe=Recipe(
            learning_rate=3e-3, steps=30, batch_size=32, validate_every=10, clip_norm=1.0
        ),
    ),
    "tracking": Small(
        LinearStateSpace(
            transition="canonical",
            process_noise_std=0.5,
            noise_std=0.5,
            n_steps=6,
            initial_std=0.3,
        ),
        {
            "input_multiplier": 1,
            "hidden_multiplier": 1,
            "output_multiplier": 1,
            "hidden_size": 3,
            "iterations": 2,
            "n_particles": 200,
        },
        recipe=Recipe(
            learning_rate=2e-2, steps=25, batch_size=32, validate_every=10, clip_norm=1.0
        ),
        metric="mse",
    ),
    "doa": Small(
        Narrowband(
            n_sources=2,
            n_snapshots=10,
            snr_db=10.0,
            n_sensors=6,
            max_angle_deg=50.0,
            min_gap_deg=40.0,
        ),
        {"channels": (2, 2, 2), "lags": 2, "hidden_widths": (6,), "hidden_size": 3, "starts": 2},
        recipe=Recipe(
            learning_rate=2e-2, steps=25, batch_size=32, validate_every=10, clip_norm=1.0
        ),
        metric="rmspe",
    ),
    "image_restoration": Small(
        Photographs(
            degradation="compressed_sensing",
            ratio=0.5,
            noise_std=0.05,
            side=12,
            patch_side=12,
            block_side=12,
        ),
        {
            "iterations": 3,
            "channels": 3,
            "layers": 3,
            "latent_size": 3,
            "hidden_size": 6,
            "start": "zero",
            "levels": 2,
            "copies": 1,
            "filter_side": 3,
            "knots": 3,
            "generator_channels": 3,
            "restarts": 2,
            "denoiser_steps": 20,
        },
        n_train=60,
        n_test=1000,
        recipe=Recipe(
            learning_rate=5e-3, steps=20, batch_size=16, validate_every=10, clip_norm=1.0
        ),
        metric="mse",
    ),
    "low_rank_sparse": Small(
        ContrastUltrasound(side=6, n_frames=6),
        {
            "iterations": 4,
            "channels": 3,
            "layers": 3,
            "low_rank_weight": 2.0,
            "sparse_ratio": 0.25,
        },
        n_train=60,
        n_test=600,
        recipe=Recipe(
            learning_rate=2e-2, steps=40, batch_size=16, validate_every=10, clip_norm=1.0
        ),
    ),
    "receivers": Small(
        FiniteMemory(decays=(0.3, 1.0), n_taps=3, n_symbols=12, snr_db=4.0),
        {"hidden_widths": (6, 5), "reach": 1, "hidden_size": 4},
        recipe=Recipe(
            learning_rate=2e-2, steps=60, batch_size=32, validate_every=10, clip_norm=1.0
        ),
        metric="symbol_error_rate",
    ),
    "distributed": Small(
        DistributedLasso(n_agents=4, rows_per_agent=3, n_signal=10, n_nonzeros=2),
        {"iterations": 4},
        n_test=1000,
        recipe=Recipe(learning_rate=0.1, steps=20, batch_size=32, validate_every=10),
        metric="nmse_db",
    ),
    "precoding": Small(
        HybridPrecoding(n_bands=3, n_receive=2, n_chains=3, n_transmit=4, error_std=0.3),
        {"iterations": 3},
        n_test=1000,
        recipe=Recipe(learning_rate=0.1, steps=20, batch_size=32, validate_every=10),
        metric="rate_bits",
    ),
}
DIGITS = SMALL["image_restoration"]._replace(
    truth=Digits(degradation="compressed_sensing", ratio=0.5, noise_std=0.05)
)
BLIND = SMALL["image_restoration"]._replace(
    truth=Photographs(degradation="blind_deblurring", noise_std=0.01, side=16, patch_side=16),
    settings={"iterations": 2, "channels": 2},
    recipe=SMALL["image_restoration"].recipe.model_copy(update={"learning_rate": 5e-2}),
)
TOLD = SMALL["image_restoration"]._replace(
    truth=ManyDegradations(side=12, patch_side=12),
    settings=SMALL["image_restoration"].settings | {"channels": 6},
)
MIXED = Small(
    LinearMimo(n_users=3, n_antennas=4, n_symbols=12, snr_db=6.0),
    {"hidden_widths": (6, 5), "iterations": 3, "training": "end_to_end", "width": 4},
    recipe=SMALL["receivers"].recipe,
    metric="bit_error_rate",
)
FADING = MIXED._replace(
    truth=LinearMimo(n_users=3, n_antennas=4, channel="iid", n_symbols=12, snr_db=6.0)
)
BLOCKS = SMALL["receivers"]._replace(
    truth=FadingMemory(
        n_taps=3, n_symbols=14, n_blocks=2, n_pilots=8, snr_db=4.0, code="hamming_7_4"
    )
)
WORDS = SMALL["receivers"]._replace(
    truth=CodedWords(code="hamming_7_4", ebn0_db=3.0), metric="bit_error_rate"
)
LOOKS = SMALL["doa"]._replace(
    truth=Look(scene="crowd", n_sensors=6, n_snapshots=3, least_sine=0.3),
    settings={"hidden_widths": (6, 5)},
    metric="look_error",
)
MOVIES = SMALL["sparse_recovery"]._replace(
    truth=BlinkingEmitters(camera_side=4, upsampling=2, n_frames=20),
    settings={"iterations": 4, "rho": 1e-4, "reach": 2, "blur_reach": 1, "channels": 6},
    n_test=1000,
    recipe=SMALL["sparse_recovery"].recipe.model_copy(update={"learning_rate": 3e-2, "steps": 60}),
    metric="map_error",
)
GENERATED = SMALL["sparse_recovery"]._replace(
    truth=RandomGenerator(n_latent=2, expansion=3, observations_per_latent=4.0),
    settings={"iterations": 200},
    n_test=400,
)
FEDERATIONS = Small(
    FederatedClients(
        environment="links", examples_per_client=4, n_queries=3, n_features=2, n_classes=3
    ),
    {"iterations": 3},
    n_test=1000,
    recipe=Recipe(learning_rate=0.1, steps=20, batch_size=32, validate_every=10),
    metric="cross_entropy",
)
LOOPS = SMALL["tracking"]._replace(
    truth=Controlled(process_noise_std=0.1, noise_std=0.5, n_steps=8, initial_std=1.0),
    settings={
        "input_multiplier": 3, "hidden_multiplier": 2, "hidden_size": 3, "state_weight": 1.0,
    },
)  # fmt: skip
WRONG_PRIOR = SMALL["linear_estimation"]._replace(mistaken={"signal_covariance": "identity"})
WRONG_ARRAY = SMALL["doa"]._replace(mistaken={"spacing": 0.45})
LIMITED = LOOPS._replace(
    truth=dataclasses.replace(LOOPS.truth, n_masses=2, stiffness_n_per_m=1.0, force_limit_n=1.0),
    settings={"iterations": 2, "horizon": 4},
)
SPECIAL = {
    "distributed.central_gradient": FEDERATIONS,
    "distributed.fedavg": FEDERATIONS,
    "distributed.fednova": FEDERATIONS,
    "distributed.learned_averaging": FEDERATIONS,
    "linear_estimation.augmented_mmse": WRONG_PRIOR,
    "linear_estimation.learned_mmse": WRONG_PRIOR,
    "linear_estimation.noise_network": WRONG_PRIOR,
    "linear_estimation.unfolded_gradient": WRONG_PRIOR,
    "linear_estimation.unfolded_network": WRONG_PRIOR,
    "linear_estimation.unfolded_objective": WRONG_PRIOR,
    # Its fit raises the likelihood, which lowers the error where AMP is what it is in the limit.
    "sparse_recovery.generative_amp": SMALL["sparse_recovery"]._replace(
        truth=SparseRecovery(
            observation_matrix="unit_columns",
            n_observations=30,
            n_signal=40,
            n_nonzeros=2,
            nonzero_std=0.5,
            noise_std=0.05,
        )
    ),
    "sparse_recovery.emitter_network": MOVIES,
    "sparse_recovery.enlarged_image": MOVIES,
    "sparse_recovery.latent_descent": GENERATED,
    "sparse_recovery.learned_sparcom": MOVIES,
    "sparse_recovery.mean_image_lasso": MOVIES,
    "sparse_recovery.smooth_sparcom": MOVIES,
    "sparse_recovery.sparcom": MOVIES,
    # Few steps, unfitted, leave more tissue than there are bubbles.
    "low_rank_sparse.proximal_robust_pca": SMALL["low_rank_sparse"]._replace(
        settings=SMALL["low_rank_sparse"].settings | {"iterations": 20}
    ),
    "tracking.rk4_extended_kalman_filter": Small(
        Lorenz(process_noise_std=0.1, noise_std=0.5, n_steps=6, initial_std=0.3), {}, metric="mse"
    ),
    "tracking.neural_augmented_kalman": SMALL["tracking"]._replace(
        mistaken={"observation_rotation_rad": 0.3}
    ),
    "doa.broadband_music": Small(
        Ofdm(
            n_sources=2,
            n_snapshots=40,
            snr_db=10.0,
            n_sensors=6,
            max_angle_deg=50.0,
            min_gap_deg=40.0,
            n_subcarriers=40,
            bandwidth_hz=40.0,
            sampling_rate_hz=40.0,
        ),
        {"bins": 4},
        metric="rmspe",
    ),
    "receivers.least_squares_viterbi": SMALL["receivers"]._replace(mistaken={"decays": (0.1, 0.6)}),
    "receivers.amp": FADING,
    "receivers.belief_propagation": WORDS,
    "receivers.deepsic": MIXED,
    "receivers.detection_network": MIXED,
    "receivers.detnet": FADING,
    "receivers.hard_decision": WORDS,
    "receivers.k_best": FADING,
    "receivers.linear_mmse": MIXED,
    "receivers.matched_filter": MIXED,
    "receivers.meta_viterbinet": BLOCKS,
    "receivers.mmnet": MIXED,
    "receivers.neural_belief_propagation": WORDS,
    "receivers.oamp": FADING,
    "receivers.oamp_net": FADING,
    "receivers.online_viterbinet": BLOCKS,
    "receivers.ordered_statistics": WORDS,
    "receivers.pilot_viterbi": BLOCKS,
    "receivers.soft_interference_cancellation": MIXED,
    "receivers.symbol_map": MIXED,
    "receivers.syndrome_network": WORDS,
    "receivers.vector_ml": MIXED,
    "receivers.zero_forcing": MIXED,
    **{
        f"doa.{method}": LOOKS
        for method in (
            "able",
            "delay_and_sum",
            "fixed_beamformer",
            "look_network",
            "mvdr_beamformer",
            "tapered_beamformer",
        )
    },
    **{
        f"tracking.{method}": LOOPS
        for method in ("lqg", "identified_lqg", "kalmannet_lqr", "recurrent_policy")
    },
    "tracking.mpc": LIMITED,
    "tracking.unfolded_mpc": LIMITED,
    "doa.corrected_covariance": WRONG_ARRAY,
    "doa.fitted_array": WRONG_ARRAY,
    "doa.learned_likelihood": WRONG_ARRAY,
    "doa.unfolded_cadzow": WRONG_ARRAY,
    "doa.unfolded_newton_array": WRONG_ARRAY,
    **{
        f"image_restoration.{method}": TOLD
        for method in (
            "dpdnn",
            "kernel_blind_network",
            "told_interpolation",
            "told_plug_and_play",
            "told_total_variation",
            "usrnet",
        )
    },
    "image_restoration.bicubic": SMALL["image_restoration"]._replace(
        truth=Photographs(
            degradation="super_resolution", noise_std=0.05, side=12, patch_side=12, block_side=12
        )
    ),
    "image_restoration.linear_mmse": DIGITS,
    "image_restoration.blind_deconvolution": BLIND,
    "image_restoration.dublid": BLIND,
    "image_restoration.flow_prior": DIGITS,
    "image_restoration.generative_prior": DIGITS,
}
"""Instances of their own, for methods that cannot take their area's."""

UNTOLD = (BLIND.truth,)
"""Truths of which nobody is told enough for their area's floors."""

METHODS = [info for area in catalogue.areas() for info in catalogue.methods(area).values()]
LEARNERS = [info for info in METHODS if info.learns]


def of_infos(infos):
    return pytest.mark.parametrize("info", infos, ids=lambda info: f"{info.area}.{info.name}")


every_method = of_infos(METHODS)
every_learner = of_infos(LEARNERS)
every_child = of_infos([info for info in METHODS if info.parent])
every_iterative_method = of_infos([info for info in METHODS if info.iterative])


# --- instances ---


def small(info: MethodInfo) -> Small:
    if info.area not in SMALL:
        pytest.fail(
            f"add a small truth, and values for settings, of {info.area} to SMALL in {__file__}"
        )
    return SPECIAL.get(f"{info.area}.{info.name}", SMALL[info.area])


ANGLES = [info for info in METHODS if info.area == "doa" and small(info) is not LOOKS]
"""Methods that estimate directions of arrival, and not what comes from one."""


def settings(info: MethodInfo) -> dict[str, Any]:
    values = small(info).settings
    for name, setting in info.settings.items():
        if setting.default is REQUIRED and name not in values:
            pytest.fail(
                f"method {info.name} needs the setting {name!r}: "
                f"add a value for it to SMALL[{info.area!r}] in {__file__}"
            )
    return {name: value for name, value in values.items() if name in info.settings}


def built(info: MethodInfo, **withheld: None) -> Method:
    belief = small(info).truth.believed(**{**small(info).mistaken, **withheld})
    return catalogue.method_class(info)(belief, **settings(info))


@cache
def drawn(truth: Scenario, n: int, *stream: object) -> Split:
    return truth.draw(n, *stream)


def pairs(info: MethodInfo, n: int, *stream: object) -> Split:
    """The first pairs of a stream, to keep: whole chunks are drawn, and each once."""
    truth = small(info).truth
    whole = -(-n // truth.chunk_size) * truth.chunk_size
    return Split(*(torch.tensor(part) for part in drawn(truth, whole, *stream).first(n)))


N_VALIDATION = 100


def fit(
    info: MethodInfo,
    method: Method,
    rng: torch.Generator | None = None,
    n_validation: int = N_VALIDATION,
    **changes: Any,
) -> History:
    """Fit on the area's training pairs, the same ones whatever the seed of the fit."""
    train = pairs(info, small(info).n_train, "train")
    validation = pairs(info, n_validation, "validation")
    recipe = small(info).recipe.model_copy(update=changes)
    return method.fit(train, validation, recipe, rng or torch_rng_for("fit", info.name, 0))


def fit_briefly(
    info: MethodInfo, method: Method, rng: torch.Generator | None = None, **changes: Any
) -> History:
    """Fit for three steps, whose losses are all in the history."""
    brief = {"steps": 3, "validate_every": 1, "n_validation": 20}
    return fit(info, method, rng, **(brief | changes))


FITS: dict[str, tuple[Method, History]] = {}


def fitted_once(info: MethodInfo) -> tuple[Method, History]:
    """The method as it is used, fitted if it learns, and the history of its fit."""
    if info.module not in FITS:
        method = built(info)
        FITS[info.module] = method, fit(info, method) if info.learns else []
    method, history = FITS[info.module]
    return copy.deepcopy(method), history


def fitted(info: MethodInfo) -> Method:
    return fitted_once(info)[0]


def weights(method: Method) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def estimates(method: Method, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return method(x)


def precise(method: Method, x: torch.Tensor) -> torch.Tensor:
    """Estimates where gradients are recorded, and so where networks compute in double precision."""
    return method(x).detach()


Descended = Method | Prior


def descended(info: MethodInfo, method: Method, n: int, *stream: object) -> tuple[Descended, Split]:
    """What is trained, and pairs for its loss: the method, or the prior that it shares."""
    drawn = pairs(info, n, *stream)
    if isinstance(method, PriorMethod):
        return method.prior, method.prior.pairs(drawn.s, torch_rng_for("pairs", n, *stream))
    return method, method.prepare(drawn)


def trainable(method: Descended) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in method.named_parameters() if p.requires_grad}


def alternatives(info: MethodInfo, name: str) -> list[Any]:
    """Return values of a setting that are allowed and are not its default."""
    setting = info.settings[name]
    if typing.get_origin(setting.annotation) is typing.Literal:
        return [v for v in typing.get_args(setting.annotation) if v != setting.default]
    if setting.default is None:
        return [1]
    return [not setting.default if isinstance(setting.default, bool) else 2 * setting.default]


# --- what can be withheld ---


def may_be_withheld(truth: Scenario) -> list[str]:
    types = typing.get_type_hints(type(truth))
    return [
        field.name
        for field in dataclasses.fields(truth)
        if type(None) in typing.get_args(types[field.name])
    ]


def refusal(info: MethodInfo, fields: list[str]) -> str | None:
    """Return why the method cannot be built without these fields, or None if it can be."""
    try:
        built(info, **dict.fromkeys(fields))
    except ValueError as error:
        return str(error)
    return None
