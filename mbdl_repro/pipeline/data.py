"""The simulated data of a block of seeds: drawn once, stored, and the same for all methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.table import Point
from mbdl_repro.experiments.experiment import Experiment, Fit
from mbdl_repro.experiments.specs import data_spec
from mbdl_repro.store.artifacts import LazyArrays, Store, arrays_to_bytes
from mbdl_repro.store.cells import data_cells

SPLITS = ("train", "validation", "test")


class Data:
    """Access to an experiment's data, cell by cell; what is missing or damaged is drawn anew."""

    def __init__(self, experiment: Experiment, store: Store) -> None:
        self.experiment = experiment
        self.cells = data_cells(experiment, store)
        self._last: tuple[str, Mapping[str, np.ndarray]] = ("", {})

    def key(self, fit: Fit, test_point: Point | None = None) -> str:
        """Return the key of the cell that holds these data."""
        return self.cells.key(data_spec(self.experiment, fit, test_point))

    def path(self, fit: Fit, test_point: Point | None = None) -> Path:
        """Return the cell's file, drawing the data if they are not there."""
        return self._get(fit, test_point)[1]

    def splits(
        self, fit: Fit, test_point: Point | None = None, wanted: Sequence[str] = SPLITS
    ) -> list[dict[str, Split]]:
        """Return each seed's splits ``train`` (cut to the fit's size), ``validation``, ``test``.

        Only those wanted are read: the training set is by far the largest, and not everyone's.
        """
        arrays = self._arrays(fit, test_point)
        splits = []
        for i in range(len(fit.seeds)):
            named = {
                name: Split(arrays[f"{name}_x"][i], arrays[f"{name}_s"][i])
                for name in wanted
                if f"{name}_x" in arrays
            }
            if "train" in named:
                named["train"] = named["train"].first(fit.n_train)
            splits.append(named)
        return splits

    def _arrays(self, fit: Fit, test_point: Point | None) -> Mapping[str, np.ndarray]:
        """Return a cell's arrays; fits in a row use the same data, more or less of them."""
        key = self.key(fit, test_point)
        if key != self._last[0]:
            self._last = (key, LazyArrays(self._get(fit, test_point)[0]))
        return self._last[1]

    def _get(self, fit: Fit, test_point: Point | None) -> tuple[bytes, Path]:
        return self.cells.get(
            self.key(fit, test_point), lambda: arrays_to_bytes(self._draw(fit, test_point))
        )

    def _draw(self, fit: Fit, test_point: Point | None) -> dict[str, np.ndarray]:
        truth = self.experiment.scenario_at(fit.point, test_point or {})
        sizes = data_spec(self.experiment, fit, test_point)["sizes"]
        arrays = {}
        for name, n in sizes.items():
            if n == 0:
                continue
            draws = [truth.draw(n, name, seed) for seed in fit.seeds]
            arrays[f"{name}_x"] = np.stack([draw.x for draw in draws])  # (seeds, n, ...)
            arrays[f"{name}_s"] = np.stack([draw.s for draw in draws])
        return arrays
