"""What every scenario, bound and metric promises, found by discovery.

A new kind of scenario needs an entry in SMALL: a small truth, and the equation of its model.
(That draws come from named streams, and are finite, is in test_seeding.py.)
"""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from contract import instances

from mbdl_repro import catalogue
from mbdl_repro.areas.distributed.systems.federated_clients import FederatedClients
from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.scenario import Misplaced, Narrowband, Ofdm
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.image_restoration.systems.many_degradations import (
    CASES,
    ManyDegradations,
    fixed_kernel,
)
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.areas.precoding.bounds import fully_digital
from mbdl_repro.areas.precoding.scenario import HybridPrecoding
from mbdl_repro.areas.precoding.updates import filled_precoder
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.sinusoidal import Sinusoidal
from mbdl_repro.contract.scenario import Scenario, Split, in_seed
from mbdl_repro.contract.seeding import rng_for
from mbdl_repro.pipeline.rows import measured


class Small(NamedTuple):
    """A small truth, and its observation without noise, from the signals and the truth."""

    truth: Scenario
    noiseless: Callable[[np.ndarray, Scenario], np.ndarray]
    received: Callable[[np.ndarray], np.ndarray] = lambda x: x
    """What of x noise is in, where x holds more."""
    noise_std: float | None = None
    """σ, where no field of the truth says it."""


def drawn_again(
    s: np.ndarray, truth: Scenario, draw: Callable[[int, np.random.Generator], Split]
) -> np.ndarray:
    """What is observed without noise in rows of the stream "noise", with the targets s."""
    size, stream = truth.chunk_size, ("data", *truth.identity(), "noise")
    chunks = [draw(size, rng_for(*stream, i)) for i in range(-(-len(s) // size))]
    np.testing.assert_array_equal(np.concatenate([chunk.s for chunk in chunks])[: len(s)], s)
    return np.concatenate([chunk.x for chunk in chunks])[: len(s)]


def received_again(s: np.ndarray, truth: SensorArray) -> np.ndarray:
    """What sensors receive of waveforms that only the stream tells."""
    return drawn_again(s, truth, truth.received)


def movies_again(s: np.ndarray, truth: BlinkingEmitters | ContrastUltrasound) -> np.ndarray:
    """What is seen without noise."""
    return drawn_again(s, truth, truth.clear_movies)


def means_again(s: np.ndarray, truth: FederatedClients) -> np.ndarray:
    """The means of the classes of examples and queries."""
    return drawn_again(s, truth, truth.clear)[..., : truth.n_features]


def through_taps(s: np.ndarray, truth: FiniteMemory) -> np.ndarray:
    """What symbols, with +1 before and after them, give through each channel's taps."""
    return np.stack(
        [
            [np.convolve(frame - 1, h) + h.sum() for frame, h in zip(row, truth.taps, strict=True)]
            for row in s
        ]
    )[:, :, None]


def summed(s: np.ndarray, truth: DegradedImages) -> np.ndarray:
    """Blur by adding up shifted images, and keep every pixel whose place is a multiple of f."""
    keep = np.arange(0, s.shape[1], truth.factor)
    return summed_over(s, truth.kernel)[:, keep][:, :, keep]


def summed_over(s: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Blur by adding up shifted images."""
    radius = kernel.shape[0] // 2
    shifts = range(-radius, radius + 1)
    return sum(
        kernel[i + radius, j + radius] * np.roll(s, (i, j), axis=(1, 2))
        for i in shifts
        for j in shifts
    )


SMALL = {
    "linear_estimation.linear_gaussian": Small(
        instances.SMALL["linear_estimation"].truth,
        lambda s, truth: np.einsum("ij,nj->ni", truth.matrix, s),
    ),
    "sparse_recovery.sparse_recovery": Small(
        instances.SMALL["sparse_recovery"].truth,
        lambda s, truth: np.einsum("ij,nj->ni", truth.H, s),
    ),
    "low_rank_sparse.contrast_ultrasound": Small(
        instances.SMALL["low_rank_sparse"].truth, movies_again
    ),
    "sparse_recovery.blinking_emitters": Small(instances.MOVIES.truth, movies_again),
    "sparse_recovery.random_generator": Small(
        instances.GENERATED.truth, lambda s, truth: np.einsum("ij,nj->ni", truth.H, s)
    ),
    "tracking.linear_state_space": Small(
        LinearStateSpace(
            transition="canonical", process_noise_std=0.5, noise_std=0.5, n_steps=6, initial_std=0.3
        ),
        lambda s, truth: np.einsum("ij,ntj->nti", truth.H, s),
    ),
    "tracking.controlled": Small(instances.LOOPS.truth, lambda s, truth: s),
    "tracking.lorenz": Small(
        Lorenz(observation="spherical", process_noise_std=0.1, noise_std=0.5, n_steps=6),
        lambda s, truth: np.stack(
            [
                np.linalg.norm(s, axis=-1),
                np.arccos(s[..., 2] / np.linalg.norm(s, axis=-1)),
                np.angle(s[..., 0] + 1j * s[..., 1]),
            ],
            axis=-1,
        ),
    ),
    "tracking.sinusoidal": Small(
        Sinusoidal(process_noise_std=0.1, noise_std=0.5, n_steps=6),
        lambda s, truth: s**2,
    ),
    "doa.narrowband": Small(
        Narrowband(
            n_sources=2,
            n_snapshots=3,
            snr_db=10.0,
            n_sensors=4,
            max_angle_deg=60.0,  # beyond, some errors have no mean
        ),
        received_again,
    ),
    "doa.look": Small(
        dataclasses.replace(instances.LOOKS.truth, scene="alone"),
        lambda s, truth: np.repeat(s[:, None], 6, axis=1),
    ),
    "doa.misplaced": Small(
        Misplaced(
            n_sources=2,
            n_snapshots=3,
            snr_db=10.0,
            n_sensors=4,
            max_angle_deg=60.0,
            spacing_error=0.03,
        ),
        received_again,
    ),
    "image_restoration.digits": Small(
        Digits(
            degradation="compressed_sensing",
            measurement_matrix="gaussian",
            ratio=0.25,
            noise_std=0.3,
        ),
        lambda s, truth: np.einsum("ij,nj->ni", truth.matrix, s.reshape(len(s), -1))[:, None, None],
    ),
    "image_restoration.photographs": Small(
        Photographs(
            degradation="super_resolution", blur_std=0.7, noise_std=0.1, side=8, patch_side=8
        ),
        summed,
    ),
    "image_restoration.many_degradations": Small(
        ManyDegradations(case="shake_x1", side=12, patch_side=12),
        lambda s, truth: summed_over(s, fixed_kernel("shake")),
        lambda x: x[:, 0],
        CASES["shake_x1"].noise_std,
    ),
    "doa.ofdm": Small(
        Ofdm(n_sources=2, n_snapshots=3, snr_db=10.0, n_sensors=4, n_subcarriers=6), received_again
    ),
    "distributed.distributed_lasso": Small(
        instances.SMALL["distributed"].truth,
        lambda s, truth: np.einsum("pij,npj->npi", truth.H, s),
    ),
    "distributed.federated_clients": Small(
        instances.FEDERATIONS.truth, means_again, lambda x: x[..., :2]
    ),
    "precoding.hybrid_precoding": Small(instances.SMALL["precoding"].truth, lambda s, truth: s),
    "receivers.coded_words": Small(instances.WORDS.truth, lambda s, truth: s),
    "receivers.fading_memory": Small(
        instances.BLOCKS.truth,
        lambda s, truth: through_taps(
            np.concatenate(
                [np.broadcast_to(truth.pilots, (*s.shape[:2], 8)), np.ones((*s.shape[:2], 2)), s], 2
            ),
            truth,
        ),
    ),
    "receivers.finite_memory": Small(instances.SMALL["receivers"].truth, through_taps),
    "receivers.linear_mimo": Small(
        instances.MIXED.truth,
        lambda s, truth: np.einsum("ij,njt->nit", truth.H, s),
    ),
}

COHERENT = dataclasses.replace(SMALL["doa.narrowband"].truth, correlation=1.0)
SPECIAL = {
    "distributed.cross_entropy": instances.FEDERATIONS.truth,
    "distributed.error_rate": instances.FEDERATIONS.truth,
    "distributed.known_law": instances.FEDERATIONS.truth,
    "distributed.known_law_error": instances.FEDERATIONS.truth,
    "doa.shared_waveform_crb_mspe": COHERENT,
    "doa.told_all": instances.LOOKS.truth,
    "doa.told_mvdr": instances.LOOKS.truth,
    "doa.shared_waveform_crb_median": COHERENT,
    # So much noise that it counts beside the tissue.
    "low_rank_sparse.told_places": ContrastUltrasound(side=5, n_frames=8, noise_std=0.3),
    "sparse_recovery.detection_error": SMALL["sparse_recovery.blinking_emitters"].truth,
    "sparse_recovery.known_places": SMALL["sparse_recovery.blinking_emitters"].truth,
    "sparse_recovery.map_error": SMALL["sparse_recovery.blinking_emitters"].truth,
    "tracking.lqg_cost": instances.LOOPS.truth,
    "receivers.matched_filter_bound": SMALL["receivers.finite_memory"].truth,
    "receivers.matched_filter_bit_bound": SMALL["receivers.linear_mimo"].truth,
    # So loaded that what large systems leave of interference is more than what fading costs.
    "receivers.large_system": LinearMimo(
        n_users=80, n_antennas=40, channel="iid", n_symbols=2, snr_db=0.0
    ),
}
"""Truths of their own, for bounds and metrics that are not about their area's."""

N_TRAIN = 50
N_TEST = 300
KINDS = [f"{area}.{kind}" for area in catalogue.areas() for kind in catalogue.scenarios(area)]
BOUNDS = [info for area in catalogue.areas() for info in catalogue.bounds(area).values()]
METRICS = [
    info
    for area in catalogue.areas()
    for info in catalogue.metrics(area).values()
    # Others ask the method itself.
    if "estimate" in info.arguments and "method" not in info.arguments
]
UNUSUAL = {"tracking.controlled"}
"""Kinds that come first by their names, and that most bounds of their area do not serve."""
ALL_OR_NOTHING = {"share_missed"}
"""Metrics of which every row of so wrong estimates is alike."""
HIGHER_IS_BETTER = {"psnr_db": np.inf, "psnr_gain_db": np.inf, "ssim": 1.0}
HIGHER_IS_BETTER: dict[str, Callable[[Scenario, Split], object]] = {
    "psnr_db": lambda truth, split: np.inf,
    "psnr_gain_db": lambda truth, split: np.inf,
    "rate_bits": fully_digital,
    "ssim": lambda truth, split: 1.0,
}
"""What these metrics are where nothing is left to be desired."""
BEST_ANSWERS: dict[str, Callable[[np.ndarray, Scenario], np.ndarray]] = {
    "precoding": lambda s, truth: (
        filled_precoder(torch.as_tensor(np.sqrt(truth.snr) * s)).mH.resolve_conj().numpy()
    ),
}
"""Of areas whose answers are no estimates of the targets."""

every_scenario = pytest.mark.parametrize("kind", KINDS)
every_bound = pytest.mark.parametrize("info", BOUNDS, ids=lambda c: f"{c.module}.{c.name}")
every_metric = pytest.mark.parametrize("info", METRICS, ids=lambda c: f"{c.module}.{c.name}")


def small(kind: str) -> Small:
    if kind not in SMALL:
        pytest.fail(
            f"add {kind!r} to SMALL in {__file__}: a small truth, and its observation without noise"
        )
    return SMALL[kind]


def truth_of(info) -> Scenario:
    if f"{info.area}.{info.name}" in SPECIAL:
        return SPECIAL[f"{info.area}.{info.name}"]
    kinds = [kind for kind in KINDS if kind.startswith(f"{info.area}.")]
    truth = small(next(kind for kind in kinds if kind not in UNUSUAL)).truth
    return in_seed(truth, 0)


def test_the_table_names_scenarios_that_there_are():
    assert set(SMALL) <= set(KINDS)
    for kind, instance in SMALL.items():
        area, name = kind.split(".")
        assert type(instance.truth) is catalogue.scenarios(area)[name]
    assert set(SPECIAL) <= {f"{info.area}.{info.name}" for info in BOUNDS + METRICS}


# --- scenarios ---


@every_scenario
def test_rows_have_one_shape_whatever_their_number(kind):
    truth = small(kind).truth
    many = truth.sample(7, rng_for("many"))
    assert isinstance(many, Split)
    for n in (1, 2):
        few = truth.sample(n, rng_for("few"))
        for a, b in zip(few, many):
            assert a.shape == (n, *b.shape[1:])
            assert a.dtype == b.dtype


@every_scenario
def test_data_belong_to_whoever_drew_them(kind):
    truth = small(kind).truth
    first = truth.draw(3, "train", 0)
    given = [part.copy() for part in first]
    for part in first:
        part[...] = 0  # allowed, and of no consequence
    again = truth.draw(3, "train", 0)
    assert all(np.array_equal(a, b) for a, b in zip(given, again))


@every_scenario
def test_observations_are_the_models_up_to_its_noise(kind):
    """The noise has the stated mean, variance and law, and is independent of the signal."""
    truth, noiseless, received, noise_std = small(kind)
    noise_std = truth.noise_std if noise_std is None else noise_std
    N = 2000
    x, s = truth.draw(N, "noise")
    x = received(x)
    noise = x - noiseless(s, truth)
    assert noise.shape == x.shape
    entries = (noise / noise_std).ravel()
    if np.iscomplexobj(entries):  # circular: half of the variance in each part
        entries = np.sqrt(2) * np.concatenate([entries.real, entries.imag])
    n = entries.size
    assert abs(entries.mean()) < 5 / np.sqrt(n)
    assert abs(np.square(entries).mean() - 1) < 5 * np.sqrt(2 / n)  # var of χ²_1 is 2
    assert abs((entries**4).mean() - 3) < 5 * np.sqrt(96 / n)  # var of the 4th power is 96
    white = noise.reshape(N, -1) / noise_std
    signal = s.reshape(N, -1)
    covariance = white.conj().T @ white / N - np.eye(white.shape[1])
    off_diagonal = covariance[~np.eye(len(covariance), dtype=bool)]
    assert np.abs(off_diagonal).max() < 6 / np.sqrt(N)
    crossed = white.conj().T @ signal / N
    scale = np.sqrt((np.abs(signal) ** 2).mean(0))
    assert (np.abs(crossed) <= 6 * scale / np.sqrt(N)).all()


@every_scenario
def test_a_scenario_that_learns_a_new_field_draws_what_it_drew(kind):
    truth = small(kind).truth
    cls = type(truth)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Grown(cls):
        new_field: float = 0.0

    fields = {field.name: getattr(truth, field.name) for field in dataclasses.fields(truth)}
    grown = Grown(**fields)
    assert grown.identity() == truth.identity()
    assert np.array_equal(grown.draw(2, "train", 0).x, truth.draw(2, "train", 0).x)
    other = dataclasses.replace(grown, new_field=1.0)
    assert other.identity() != truth.identity()
    assert not np.array_equal(other.draw(2, "train", 0).x, truth.draw(2, "train", 0).x)


@every_scenario
def test_an_identity_tells_areas_apart(kind):
    assert small(kind).truth.identity()[0] == kind.split(".")[0]


@every_scenario
def test_scenarios_are_values(kind):
    truth = small(kind).truth
    assert truth == dataclasses.replace(truth)
    with pytest.raises(dataclasses.FrozenInstanceError):
        truth.noise_std = 1.0
    with pytest.raises(TypeError):
        type(truth)(no_such_field=1)


OTHERWISE = [
    dataclasses.replace(
        SMALL["sparse_recovery.sparse_recovery"].truth,
        n_nonzeros=None,
        nonzero_probability=0.2,
        noise_std=None,
        snr_db=20.0,
    ),
    dataclasses.replace(
        SMALL["tracking.linear_state_space"].truth, process_noise_std=None, noise_ratio_db=-10.0
    ),
    dataclasses.replace(SMALL["tracking.lorenz"].truth, burn_in_steps=2, start_seen=True),
    dataclasses.replace(SMALL["image_restoration.photographs"].truth, degradation="deblurring"),
    dataclasses.replace(
        SMALL["image_restoration.photographs"].truth, degradation="blind_deblurring"
    ),
]
"""Truths that say the same in other fields, or draw in another way."""


def may_be_withheld(truth: Scenario) -> list[str]:
    """Return the fields for which a belief may have ``None``."""
    hints = typing.get_type_hints(type(truth))
    return [name for name, hint in hints.items() if type(None) in typing.get_args(hint)]


def refusal(check: Callable[[], object]) -> str | None:
    """Return the words with which this is refused."""
    try:
        check()
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "truth",
    [*(instance.truth for instance in SMALL.values()), *OTHERWISE],
    ids=lambda truth: type(truth).__name__,
)
def test_a_truth_is_refused_in_words_iff_nothing_can_be_drawn_from_it(truth):
    fields = may_be_withheld(truth)
    refused = []
    for withheld in [[], *([field] for field in fields), fields]:
        partial = dataclasses.replace(truth, **dict.fromkeys(withheld))
        words = refusal(partial.check_truth)
        assert (words is None) == (refusal(lambda: partial.sample(1, rng_for("one"))) is None)  # noqa: B023
        refused.append(words)
        if len(withheld) == 1:
            assert words is None or withheld[0] in words
            assert words == refusal(lambda: partial.sample(1, rng_for("one")))  # noqa: B023
    assert refused[0] is None
    assert refused[-1] is not None


@every_scenario
def test_a_truth_is_checked_without_drawing(kind, monkeypatch):
    truth = small(kind).truth

    def drawn(*_: object) -> None:
        pytest.fail("data are drawn")

    monkeypatch.setattr(np.random, "Generator", drawn)
    monkeypatch.setattr(np.random, "default_rng", drawn)
    for name in ("sample", "draw"):
        monkeypatch.setattr(type(truth), name, drawn)
    truth.check_truth()


# --- bounds ---


def called(info, truth: Scenario) -> np.ndarray:
    known = {
        "truth": truth,
        "n_train": N_TRAIN,
        "validation": truth.draw(50, "validation"),
        "test": truth.draw(N_TEST, "test"),
        "iteration": None,
    }
    assert set(info.arguments) <= set(known)
    return np.asarray(catalogue.function(info)(**{name: known[name] for name in info.arguments}))


@functools.cache
def called_once(area: str, bound: str, truth: Scenario) -> np.ndarray:
    return called(catalogue.bounds(area)[bound], truth)


def value(info, truth: Scenario) -> tuple[float, float]:
    """Return a bound's value and its standard error (0 where it is exact)."""
    values = called_once(info.area, info.name, truth)
    if values.ndim == 0:
        return float(values), 0.0
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


@every_bound
def test_bounds_are_finite_and_positive_numbers_or_one_a_row(info):
    values = called_once(info.area, info.name, truth_of(info))
    assert values.shape in ((), (N_TEST,))
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert (values >= 0).all() and values.mean() > 0
    # One that meets no test signal cannot say anything of each.
    assert values.ndim == ("test" in info.arguments)


@every_bound
def test_bounds_are_the_same_each_time(info):
    truth = truth_of(info)
    np.random.seed(1)
    first = called_once(info.area, info.name, truth)
    np.random.seed(2)
    assert np.array_equal(first, called(info, dataclasses.replace(truth)))


def with_noise(truth: Scenario, factor: float) -> Scenario:
    """Return the truth with a noise whose standard deviation is so many times as large."""
    if isinstance(truth, SensorArray | FiniteMemory | LinearMimo | HybridPrecoding):
        return dataclasses.replace(truth, snr_db=truth.snr_db - 20 * np.log10(factor))
    if isinstance(truth, CodedWords):
        return dataclasses.replace(truth, ebn0_db=truth.ebn0_db - 20 * np.log10(factor))
    return dataclasses.replace(truth, noise_std=factor * truth.noise_std)


def cost(info) -> float:
    """Return what makes less of a bound's metric better."""
    return -1.0 if info.marks["metrics"][0] in HIGHER_IS_BETTER else 1.0


@every_bound
def test_noise_makes_it_harder(info):
    if info.name.startswith("guess"):
        pytest.skip("who guesses does not look at what was observed")
    truth = truth_of(info)
    louder = with_noise(truth, 2.0)
    quiet, quiet_error = value(info, truth)
    loud, loud_error = value(info, louder)
    assert cost(info) * (loud - quiet) > 4 * np.hypot(quiet_error, loud_error)


def of_kind(area: str, *kinds: str):
    return [c for c in catalogue.bounds(area).values() if c.marks["kind"] in kinds]


def truths_of(info) -> object:
    """Return the class of the truths that a bound is about; None if it asks for no truth."""
    truth = inspect.signature(catalogue.function(info)).parameters.get("truth")
    return truth and truth.annotation


ABOVE = [
    (floor, other)
    for area in catalogue.areas()
    for floor in of_kind(area, "floor")
    for other in of_kind(area, "theory", "reference")
    if set(floor.marks["metrics"]) & set(other.marks["metrics"])
    if len({truths_of(floor), truths_of(other)} - {None}) < 2
]


@pytest.mark.parametrize(("floor", "other"), ABOVE, ids=lambda info: info.name)
def test_floors_are_below_what_rules_reach(floor, other):
    truth = truth_of(other)
    for noise in (0.3, 3.0):
        at = with_noise(truth, noise)
        least, least_error = value(floor, at)
        reached, error = value(other, at)
        assert least <= reached + 4 * np.hypot(least_error, error), noise


@pytest.mark.parametrize(
    "info", [c for c in BOUNDS if c.marks["kind"] == "floor"], ids=lambda info: info.name
)
def test_a_floor_is_below_the_prior_mean(info):
    """An estimate of 0 needs no data: a floor above it would be wrong."""
    truth = truth_of(info)
    metric = catalogue.metrics(info.area)[info.marks["metrics"][0]]
    test = truth.draw(N_TEST, "test")
    zero = measured(catalogue.function(metric)(np.zeros_like(test.s), test, truth))
    assert cost(info) * (zero["value"] - value(info, truth)[0]) > 4 * zero["standard_error"]


# --- metrics ---


def measure(info, estimate: np.ndarray, split: Split) -> list[np.ndarray]:
    """Return what a metric says: one array, or the two whose sums' ratio it is."""
    values = catalogue.function(info)(estimate, split, truth_of(info))
    return list(values) if isinstance(values, tuple) else [values]


def drawn(info) -> tuple[Split, np.ndarray]:
    """Return pairs, and estimates that are off by as much as signals are long."""
    split = truth_of(info).draw(200, "metric")
    error = split.s.std() * rng_for("metric", "error").standard_normal(split.s.shape)
    return split, split.s + error


@every_metric
def test_metrics_are_a_nonnegative_double_a_row(info):
    split, estimate = drawn(info)
    for values in measure(info, estimate, split):
        assert isinstance(values, np.ndarray)
        assert values.shape == (200,)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
        assert values.std() > 0 or info.name in ALL_OR_NOTHING
        assert (values >= 0).all() or info.name in HIGHER_IS_BETTER


def best_answer(info, split: Split) -> np.ndarray:
    """Return what is answered by who knows the targets."""
    answer = BEST_ANSWERS.get(info.area)
    return split.s.copy() if answer is None else answer(split.s, truth_of(info))


@every_metric
def test_the_truth_is_better_than_a_wrong_estimate(info):
    split, estimate = drawn(info)
    if info.name in HIGHER_IS_BETTER:
        (right,), (wrong,) = (measure(info, e, split) for e in (best_answer(info, split), estimate))
        assert (right > wrong).all()
        return
    right = [values.sum() for values in measure(info, best_answer(info, split), split)]
    wrong = [values.sum() for values in measure(info, estimate, split)]
    assert right[0] >= 0 and wrong[0] > 0
    assert right[0] / (right[1:] or [1.0])[0] < 0.5 * wrong[0] / (wrong[1:] or [1.0])[0]


@every_metric
def test_an_error_is_zero_at_the_truth(info):
    split, _ = drawn(info)
    at_truth = measure(info, best_answer(info, split), split)[0]
    if info.name in HIGHER_IS_BETTER:
        best = HIGHER_IS_BETTER[info.name](truth_of(info), split)
        np.testing.assert_allclose(at_truth, np.broadcast_to(best, 200), rtol=1e-12)
    elif "residual" in info.name:  # which is the noise
        assert (at_truth > 0).all()
    else:
        assert (at_truth == 0).all()


@every_metric
def test_a_row_is_measured_by_itself(info):
    split, estimate = drawn(info)
    order = rng_for("metric", "order").permutation(200)
    whole = measure(info, estimate, split)
    turned = measure(info, estimate[order], Split(split.x[order], split.s[order]))
    for a, b in zip(whole, turned):
        # Products of matrices may sum in another order where rows lie elsewhere in memory.
        np.testing.assert_allclose(b, a[order], rtol=1e-12)
    silent = estimate.copy()
    silent[3] = np.nan  # a row that was not answered
    for a, b in zip(whole[:1], measure(info, silent, split)[:1]):
        # Not known, or what the area says that costs: never a gain.
        worse = b[3] <= np.median(a) if info.name in HIGHER_IS_BETTER else b[3] >= np.median(a)
        assert np.isnan(b[3]) or worse
        np.testing.assert_allclose(np.delete(b, 3), np.delete(a, 3), rtol=1e-12)


@every_metric
def test_measuring_changes_nothing(info):
    split, estimate = drawn(info)
    given = [part.copy() for part in (*split, estimate)]
    measure(info, estimate, split)
    assert all(np.array_equal(a, b) for a, b in zip(given, (*split, estimate)))


def test_arguments_of_bounds_are_those_that_are_given():
    for info in BOUNDS:
        signature = inspect.signature(catalogue.function(info))
        assert tuple(signature.parameters) == info.arguments
