"""Methods at work: built from a belief, fitted block by block, stored and loaded again."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import safetensors.torch
import torch

from mbdl_repro import catalogue
from mbdl_repro.contract.hashing import canonical
from mbdl_repro.contract.method import Method, descend
from mbdl_repro.contract.scenario import Scenario, Split, in_seed
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.contract.shared_fits import Code, SharedFits
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import specs
from mbdl_repro.experiments.experiment import Experiment, Fit, MethodEntry
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.safetensors_header import metadata
from mbdl_repro.learning.training import (
    History,
    Report,
    TrainingDivergedError,
    part_of,
    silent,
)
from mbdl_repro.pipeline.caches import model_cache, shared_cache
from mbdl_repro.pipeline.data import Data
from mbdl_repro.store.cache import Cache
from mbdl_repro.store.paths import Store


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A seed's fit: the method, the settings that were chosen, and the history of its training."""

    method: Method
    settings: dict[str, Any]
    history: History
    loss: float
    """On validation, where there was something to choose; else 0."""


Descent = Callable[[Sequence[Method], Sequence[Mapping[str, Split]], Report], list[History]]
"""Fits the methods of all seeds to their splits, and returns the history of each."""


N_BUILT = 2
"""Methods of which copies can be had: some decompose a large matrix when they are built."""


class NothingFitsError(Exception):
    """No choice out of those to be tuned over gives a finite validation loss."""


def fit_block(
    build: Callable[[dict[str, Any]], Method],
    grid: Sequence[dict[str, Any]],
    splits: Sequence[Mapping[str, Split]],
    descend: Descent | None,
    report: Report = silent,
) -> list[Fitted]:
    """Fit a block of seeds, each with the settings that serve it best on validation.

    Args:
        build: returns the method, not fitted, with some of its settings as given.
        grid: choices of settings; one that is empty where nothing is tuned.
        splits: of each seed, tensors on the method's device: ``validation``, and ``train``.
        descend: fits the methods of all seeds; None where they are only tuned.
        report: called with (fraction done, message).

    Raises:
        NothingFitsError: if no choice gives some seed a finite validation loss.
        TrainingDivergedError: if the only choice there is diverges.
    """
    best: list[Fitted] = []
    for g, settings in enumerate(grid):
        methods = [build(settings) for _ in splits]
        try:
            part = part_of(report, g, len(grid))
            histories = descend(methods, splits, part) if descend else [[] for _ in methods]
        except TrainingDivergedError:
            if len(grid) > 1:
                continue  # others of the grid may do better
            raise
        tried = []
        for method, split, history in zip(methods, splits, histories, strict=True):
            loss = method.loss_on(split["validation"]) if len(grid) > 1 else 0.0
            loss = loss if math.isfinite(loss) else math.inf
            tried.append(Fitted(method, settings, history, loss))
        best = [
            min(old, new, key=lambda one: one.loss)
            for old, new in zip(best or tried, tried, strict=True)
        ]
    if not best or math.inf in (one.loss for one in best):
        raise NothingFitsError
    return best


def descended(
    methods: Sequence[Method],
    splits: Sequence[Mapping[str, Split]],
    report: Report,
    *,
    recipe: Recipe,
    streams: Sequence[tuple[object, ...]],
    shared: SharedFits,
) -> list[History]:
    """Fit the methods of a block, one after another or, if the recipe says so, together.

    Args:
        methods: of each seed; changed in place.
        splits: of each seed, ``train`` and ``validation``.
        report: called with (fraction done, message).
        recipe: how to descend.
        streams: names of each seed's random stream.
        shared: makes fits that other methods may ask for too, or finds what they made.
    """
    trains = [split.get("train", split["validation"].first(0)) for split in splits]
    validations = [split["validation"] for split in splits]
    rngs = [torch_rng_for(*stream) for stream in streams]
    if recipe.together:
        return descend(methods, trains, validations, recipe, rngs, report)
    return [
        method.fit(train, validation, recipe, rng, part_of(report, i, len(methods)), shared)
        for i, (method, train, validation, rng) in enumerate(
            zip(methods, trains, validations, rngs, strict=True)
        )
    ]


def streams_of(
    method: str, truth: Scenario, n_train: int, seeds: Sequence[int]
) -> list[tuple[object, ...]]:
    """Return the names of the random stream of each seed's fit.

    Args:
        method: its name.
        truth: the scenario that the training pairs are drawn from.
        n_train: number of training pairs.
        seeds: of the block.
    """
    return [("fit", method, truth.identity(), n_train, seed) for seed in seeds]


def packed(seeds: Sequence[int], found: Sequence[Fitted]) -> bytes:
    """Return the fits of a block as the bytes of a safetensors file.

    Args:
        seeds: of the block.
        found: the fit of each.
    """
    tensors = {
        f"{seed}/{name}": tensor.detach().cpu().contiguous()
        for seed, one in zip(seeds, found, strict=True)
        for name, tensor in one.method.state_dict().items()
    }
    notes = [{"settings": one.settings, "history": one.history} for one in found]
    return safetensors.torch.save(tensors, {"fits": json.dumps(notes, sort_keys=True)})


def unpacked(content: bytes, seeds: Sequence[int]) -> list[dict[str, torch.Tensor]]:
    """Return the tensors of each seed's fit by their names in the method.

    Args:
        content: what :func:`packed` returned.
        seeds: of the block.
    """
    tensors = safetensors.torch.load(content)
    prefixes = [f"{seed}/" for seed in seeds]
    return [
        {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        for prefix in prefixes
    ]


def check_sizes(fitted: Mapping[str, torch.Tensor], built: Mapping[str, torch.Tensor]) -> None:
    """Refuse tensors that a method has no place for where it is built anew.

    Args:
        fitted: of the fit, by name.
        built: of the method.

    Raises:
        ValueError: naming the one that differs.
    """
    for name, tensor in fitted.items():
        if name not in built:
            raise ValueError(f"{name} was fitted, and is not there here")
        was, now = tuple(tensor.shape), tuple(built[name].shape)
        if was != now:
            raise ValueError(f"{name} was fitted as {was}, and is {now} here")


class Models:
    """The fits of one method of an experiment.

    Args:
        experiment: that they belong to.
        label: the method's, in it.
        store: where they lie.
        device: that torch shall use.
    """

    def __init__(self, experiment: Experiment, label: str, store: Store, device: str) -> None:
        if device.startswith("cuda") and (torch.device(device).index or 0) >= _n_cuda_devices():
            raise UserError(f"device={device}: torch finds no such device here; use device=cpu")
        self.experiment = experiment
        self.entry = experiment.methods[label]
        self.data = Data(experiment, store)
        self.store = store
        self.device = device
        self._built: dict[str, Method] = {}

    @cached_property
    def cache(self) -> Cache:
        """Where the fits are found: what has none does not look what they would stand on."""
        return model_cache(self.experiment, self.entry.label, self.store, self.device)

    def key(self, fit: Fit) -> str:
        """Return the key of the cache entry that holds this fit."""
        return self.cache.key(specs.fit_spec(self.experiment, self.entry.label, fit))

    def fitted(self, fit: Fit, report: Report) -> tuple[str, list[dict[str, Any]]]:
        """Fit a block of seeds where that has not been done.

        Args:
            fit: the block, its point and its size of the training set.
            report: called with (fraction done, message).

        Returns:
            The name of the entry's file, and for each seed its ``settings`` and ``history``.
        """
        content, path = self.cache.get(self.key(fit), lambda: self._fit(fit, report))
        return path.name, _notes(content)

    def load(self, fit: Fit) -> list[Method]:
        """Return the method as each seed of the block has it; what is missing is fitted anew.

        Raises:
            ValueError: if the fit does not serve at the test point that a genie tells of.
        """
        if not self.entry.has_fit:
            return [self._build(fit, {}, seed) for seed in fit.seeds]
        methods = []
        for seed, (weights, tuned) in zip(fit.seeds, self._stored(fit), strict=True):
            methods.append(self._build(fit, tuned, seed))
            check_sizes(weights, methods[-1].state_dict())
            methods[-1].load_state_dict(weights)
        return methods

    def first(self, fit: Fit) -> tuple[Method, Method, dict[str, Any]]:
        """Return the first seed's fit, made anew where it is missing.

        Args:
            fit: a block of seeds.

        Returns:
            The fitted method, the same one as it was built, and the settings that were tuned.
        """
        weights, tuned = self._stored(fit)[0]
        fitted, unfitted = (self._build(fit, tuned, fit.seeds[0]) for _ in range(2))
        fitted.load_state_dict(weights)
        return fitted, unfitted, tuned

    def _stored(self, fit: Fit) -> list[tuple[dict[str, torch.Tensor], dict[str, Any]]]:
        """Return each seed's tensors and tuned settings; what is missing is fitted anew."""
        content, _ = self.cache.get(self.key(fit), lambda: self._fit(fit, silent))
        tuned = [note["settings"] for note in _notes(content)]
        return list(zip(unpacked(content, fit.seeds), tuned, strict=True))

    def _build(self, fit: Fit, tuned: dict[str, Any], seed: int) -> Method:
        """Return the method as it is before a fit: of seeds that believe the same, a copy."""
        belief = self.experiment.belief_at(self.entry.label, fit.point, fit.genie_point)
        belief = in_seed(belief, seed)
        settings = self.entry.settings_at(fit.depth) | tuned
        built_from = canonical([dataclasses.asdict(belief), settings])
        if built_from not in self._built:
            if len(self._built) == N_BUILT:
                del self._built[next(iter(self._built))]
            self._built[built_from] = build(self.entry, belief, settings, self.device)
        return copy.deepcopy(self._built[built_from])

    def _fit(self, fit: Fit, report: Report) -> bytes:
        entry = self.entry
        splits = [
            {name: to_device(split, self.device) for name, split in of_seed.items()}
            for of_seed in self.data.splits(fit, None)
        ]
        grid = [
            dict(zip(entry.tune, values, strict=True))
            for values in itertools.product(*entry.tune.values())
        ]
        truth = self.experiment.scenario_at(fit.point)
        streams = streams_of(entry.info.name, truth, fit.n_train, fit.seeds)
        descend = partial(
            descended,
            recipe=entry.recipe,
            streams=streams,
            shared=KeptFits(self.store, self.device),
        )
        seeds = itertools.cycle(fit.seeds)  # of which one after another is built
        try:
            found = fit_block(
                lambda tuned: self._build(fit, tuned, next(seeds)),
                grid,
                splits,
                descend if entry.info.learns else None,
                report,
            )
        except (TrainingDivergedError, ValueError) as error:
            raise UserError(f"{entry.label} at {fit}: {error}") from error
        except NothingFitsError:
            raise UserError(
                f"{entry.label} at {fit}: no choice of {', '.join(entry.tune)} out of those to be "
                "tuned over gives a finite validation loss: change the lists"
            ) from None
        return packed(fit.seeds, found)


class KeptFits:
    """Fits that methods share, each made once by all jobs of a run.

    Args:
        store: where they lie.
        device: that they are computed on, as torch names it.
    """

    def __init__(self, store: Store, device: str) -> None:
        self.store = store
        self.device = device

    def __call__(self, code: Code, spec: dict[str, Any], make: Callable[[], bytes]) -> bytes:
        """Return a fit, which is made where it is missing or damaged.

        Args:
            code: the classes and functions that make it.
            spec: all else that it depends on, as plain data.
            make: makes it.
        """
        roots = [f"{one.__module__}:{one.__qualname__}" for one in code]
        cache = shared_cache(roots, self.store, self.device)
        return cache.get(cache.key(spec), make)[0]


def build(entry: MethodEntry, belief: Scenario, settings: dict[str, Any], device: str) -> Method:
    """Return a method built from a belief.

    Args:
        entry: its line in the experiment.
        belief: the assumed model.
        settings: all of its settings.
        device: that it shall compute on.

    Raises:
        UserError: if belief and settings do not go together.
    """
    cls: Callable[..., Method] = catalogue.method_class(entry.info)
    try:
        return cls(belief, **settings).to(device)
    except ValueError as error:
        raise UserError(f"method {entry.label} (belief {entry.belief}): {error}") from error


def to_device(split: Split, device: str) -> Split:
    """Return a split as tensors on a device.

    Args:
        split: arrays or tensors.
        device: as torch names it.
    """
    return Split(*(torch.as_tensor(part).to(device) for part in split))


def _n_cuda_devices() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _notes(content: bytes) -> list[dict[str, Any]]:
    """Read the notes of a block's file on each of its fits."""
    notes: list[dict[str, Any]] = json.loads(metadata(content)["fits"])
    return notes
