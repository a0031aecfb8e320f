"""The simulated data of a block of seeds: drawn once, stored, and the same for all methods."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mbdl_repro.contract.hashing import digest
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for
from mbdl_repro.contract.table import Point
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import specs
from mbdl_repro.experiments.experiment import Experiment, Fit
from mbdl_repro.experiments.measured import OBSERVATIONS, TARGETS, Measured
from mbdl_repro.pipeline.caches import data_cache
from mbdl_repro.store.files import arrays_from_bytes, arrays_to_bytes
from mbdl_repro.store.paths import Store

SPLITS = ("train", "validation", "test")


def draw(truth: Scenario, sizes: Mapping[str, int], seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Draw the splits of a block of seeds.

    Args:
        truth: what draws them.
        sizes: rows n of each split, by its name; one of no rows is left out.
        seeds: of the block.

    Returns:
        Observations ``<split>_x`` (seeds, n, ...) and targets ``<split>_s`` (seeds, n, ...).
    """
    arrays = {}
    for name, n in sizes.items():
        if n == 0:
            continue
        draws = [truth.draw(n, name, seed) for seed in seeds]
        arrays[f"{name}_x"] = np.stack([draw.x for draw in draws])
        arrays[f"{name}_s"] = np.stack([draw.s for draw in draws])
    return arrays


def cut(
    measured: Measured,
    truth: Scenario,
    sizes: Mapping[str, int],
    seeds: Sequence[int],
    behind: int = 0,
) -> dict[str, np.ndarray]:
    """Split measured pairs for a block of seeds, for each in an order of its own.

    Args:
        measured: the file of pairs.
        truth: what is assumed of them: a pair is to have the shape of one that it would draw.
        sizes: rows n of each split, by its name; one of no rows is left out.
        seeds: of the block.
        behind: pairs that come first in the order, for other splits.

    Returns:
        As :func:`draw`; targets are NaN where the file has none.

    Raises:
        UserError: if the file is another than it was, or its pairs have another shape.
    """
    try:
        content = Path(measured.path).read_bytes()
    except OSError as error:
        raise UserError(f"{measured.path}: cannot be read: {error.strerror}") from None
    if digest(content) != measured.checksum:
        raise UserError(f"{measured.path}: changed since the run began: start it again")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        pairs = Split(file[OBSERVATIONS], file[TARGETS] if measured.has_targets else None)
    like = truth.draw(1, "test", seeds[0])
    if pairs.s is None:
        pairs = Split(pairs.x, np.full((measured.n, *like.s.shape[1:]), np.nan))
    for name, one, drawn in zip((OBSERVATIONS, TARGETS), pairs, like, strict=True):
        if one.shape[1:] != drawn.shape[1:] or np.iscomplexobj(one) != np.iscomplexobj(drawn):
            raise UserError(
                f"{measured.path}: {name} has rows of shape {one.shape[1:]}, {one.dtype}: the "
                f"scenario says {drawn.shape[1:]}, {drawn.dtype}"
            )
    pairs = Split(*(one if np.iscomplexobj(one) else one.astype(np.float64) for one in pairs))
    # Validation before training pairs: then more of these leave it as it is.
    starts = {"test": behind, "validation": behind, "train": behind + sizes.get("validation", 0)}
    orders = [rng_for("measured", seed).permutation(measured.n) for seed in seeds]
    return {
        f"{name}_{part}": np.stack([values[o[starts[name] : starts[name] + n]] for o in orders])
        for name, n in sizes.items()
        if n > 0
        for part, values in zip((OBSERVATIONS, TARGETS), pairs, strict=True)
    }


def splits_of(arrays: Mapping[str, np.ndarray], i: int, n_train: int) -> dict[str, Split]:
    """Return the splits of a seed, the training set cut to its first rows.

    Args:
        arrays: what :func:`draw` returned.
        i: place of the seed in the block, counted from 0.
        n_train: rows of the training set.
    """
    named = {
        name: Split(arrays[f"{name}_x"][i], arrays[f"{name}_s"][i])
        for name in SPLITS
        if f"{name}_x" in arrays
    }
    if "train" in named:
        named["train"] = named["train"].first(n_train)
    return named


class Data:
    """Access to an experiment's data, entry by entry; what is missing or damaged is drawn anew.

    Args:
        experiment: whose data they are.
        store: where they lie.
    """

    def __init__(self, experiment: Experiment, store: Store) -> None:
        self.experiment = experiment
        self.cache = data_cache(experiment, store)
        self._last: tuple[str, Mapping[str, np.ndarray]] = ("", {})

    def key(self, fit: Fit, test_point: Point | None) -> str:
        """Return the key of the cache entry that holds some data.

        Args:
            fit: the point and the seeds whose data they are.
            test_point: as of :func:`~mbdl_repro.experiments.specs.data_spec`.
        """
        return self.cache.key(specs.data_spec(self.experiment, fit, test_point))

    def path(self, fit: Fit, test_point: Point | None) -> Path:
        """Return the entry's file, drawing the data if they are not there.

        Args:
            fit: the point and the seeds whose data they are.
            test_point: as of :func:`~mbdl_repro.experiments.specs.data_spec`.
        """
        return self._get(fit, test_point)[1]

    def splits(self, fit: Fit, test_point: Point | None) -> list[dict[str, Split]]:
        """Return each seed's ``test``, or its ``train`` (cut to the fit's size) and ``validation``.

        Args:
            fit: the point, the size and the seeds whose data they are.
            test_point: as of :func:`~mbdl_repro.experiments.specs.data_spec`.
        """
        arrays = self._arrays(fit, test_point)
        return [splits_of(arrays, i, fit.n_train) for i in range(len(fit.seeds))]

    def _arrays(self, fit: Fit, test_point: Point | None) -> Mapping[str, np.ndarray]:
        """Return an entry's arrays; fits in a row use the same data, more or less of them."""
        key = self.key(fit, test_point)
        if key != self._last[0]:
            self._last = (key, arrays_from_bytes(self._get(fit, test_point)[0]))
        return self._last[1]

    def _get(self, fit: Fit, test_point: Point | None) -> tuple[bytes, Path]:
        spec = specs.data_spec(self.experiment, fit, test_point)

        def make() -> bytes:
            truth = self.experiment.scenario_at(fit.point, test_point or {})
            asked = (truth, spec["sizes"], fit.seeds)
            measured = self.experiment.measured
            if measured is None:
                return arrays_to_bytes(draw(*asked))
            return arrays_to_bytes(cut(measured, *asked, spec.get("behind", 0)))

        return self.cache.get(self.cache.key(spec), make)
