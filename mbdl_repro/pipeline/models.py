"""Methods at work: built from a belief, fitted by cells, stored and loaded again."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from mbdl_repro import catalogue
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment, Fit, MethodEntry
from mbdl_repro.learning.training import (
    History,
    Report,
    TrainingDivergedError,
    gradient_descent,
    part_of,
    silent,
)
from mbdl_repro.pipeline import job
from mbdl_repro.pipeline.data import Data
from mbdl_repro.store.artifacts import Store
from mbdl_repro.store.cells import Cells, model_cells
from mbdl_repro.store.fingerprint import fingerprint

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


class Models:
    """The fits of one method of an experiment."""

    def __init__(self, experiment: Experiment, label: str, store: Store) -> None:
        self.experiment = experiment
        self.entry = experiment.methods[label]
        self.data = Data(experiment, store)
        self.cells = model_cells(experiment, label, store)
        self.shared = KeptFits(store.cells("priors"))

    def key(self, fit: Fit) -> str:
        """Return the key of the cell that holds this fit."""
        return self.cells.key(self.experiment.fit_spec(self.entry.label, fit))

    def fitted(self, fit: Fit, report: Report) -> tuple[str, list[dict[str, Any]]]:
        """Fit a block of seeds where that has not been done.

        Returns:
            The name of the cell's file, and for each seed its ``settings`` and ``history``.
        """
        content, path = self.cells.get(self.key(fit), lambda: self._fit(fit, report))
        return path.name, _metadata(content)

    def load(self, fit: Fit) -> list[Method]:
        """Return the method as each seed of the block has it; what is missing is fitted anew."""
        if not self.entry.has_fit:
            return [self._build(fit, {}) for _ in fit.seeds]
        content, _ = self.cells.get(self.key(fit), lambda: self._fit(fit, silent))
        tensors = safetensors.torch.load(content)
        methods = []
        for seed, note in zip(fit.seeds, _metadata(content), strict=True):
            method = self._build(fit, note["settings"])
            prefix = f"{seed}/"
            method.load_state_dict(
                {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            )
            methods.append(method)
        return methods

    def _build(self, fit: Fit, tuned: dict[str, Any]) -> Method:
        belief = self.experiment.belief_at(self.entry.label, fit.point)
        return build(self.entry, belief, self.entry.settings_at(fit.depth) | tuned)

    def _fit(self, fit: Fit, report: Report) -> bytes:
        wanted = ["train", "validation"] if self.entry.info.family.learns else ["validation"]
        data = [
            {name: to_device(split) for name, split in splits.items()}
            for splits in self.data.splits(fit, wanted=wanted)
        ]
        trains = [splits.get("train", splits["validation"].first(0)) for splits in data]
        validations = [splits["validation"] for splits in data]
        grid = [
            dict(zip(self.entry.tune, values, strict=True))
            for values in itertools.product(*self.entry.tune.values())
        ]
        best: list[tuple[float, dict[str, Any], Method, History]] = []
        for g, tuned in enumerate(grid):
            part = part_of(report, g, len(grid))
            methods = [self._build(fit, tuned) for _ in fit.seeds]
            try:
                histories = self._descend(fit, methods, trains, validations, part)
            except (TrainingDivergedError, ValueError) as error:
                if isinstance(error, TrainingDivergedError) and len(grid) > 1:
                    continue  # others of the grid may do better
                raise UserError(f"{self.entry.label} at {fit}: {error}") from error
            tried = []
            for method, validation, history in zip(methods, validations, histories, strict=True):
                with torch.no_grad():
                    loss = method.loss(*validation).item() if len(grid) > 1 else 0.0
                tried.append((loss if math.isfinite(loss) else math.inf, tuned, method, history))
            best = [
                min(old, new, key=lambda t: t[0])
                for old, new in zip(best or tried, tried, strict=True)
            ]
        if not best or math.inf in (loss for loss, *_ in best):
            raise UserError(
                f"{self.entry.label} at {fit}: no choice of {', '.join(self.entry.tune)} out of "
                "those to be tuned over gives a finite validation loss: change the lists"
            )
        tensors = {
            f"{seed}/{name}": tensor.detach().cpu().contiguous()
            for seed, (_, _, method, _) in zip(fit.seeds, best, strict=True)
            for name, tensor in method.state_dict().items()
        }
        notes = [{"settings": tuned, "history": history} for _, tuned, _, history in best]
        return safetensors.torch.save(tensors, {"fits": json.dumps(notes, sort_keys=True)})

    def _descend(
        self,
        fit: Fit,
        methods: list[Method],
        trains: list[Split],
        validations: list[Split],
        report: Report,
    ) -> list[History]:
        """Fit the methods of a block, one after another or, if the recipe says so, together."""
        if not self.entry.info.family.learns:
            return [[] for _ in methods]
        truth = self.experiment.scenario_at(fit.point).identity()
        rngs = [
            torch_rng_for("fit", self.entry.info.name, truth, fit.n_train, seed)
            for seed in fit.seeds
        ]
        recipe = self.entry.recipe
        if recipe.together:
            return gradient_descent(methods, trains, validations, recipe, rngs, report)
        return [
            method.fit(
                train, validation, recipe, rng, part_of(report, i, len(methods)), self.shared
            )
            for i, (method, train, validation, rng) in enumerate(
                zip(methods, trains, validations, rngs, strict=True)
            )
        ]


class KeptFits:
    """Fits that methods share, each made once by all jobs that keep them in the same folder.

    Args:
        folder: where they lie, named by their specification and code.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, owner: type, spec: dict[str, Any], make: Callable[[], bytes]) -> bytes:
        """Return a fit, which is made where it is missing or damaged."""
        entries = Cells(self.folder, fingerprint(owner.__module__), ".safetensors")
        return entries.get(entries.key(spec), make)[0]


def build(entry: MethodEntry, belief: Scenario, settings: dict[str, Any]) -> Method:
    """Return a method built from a belief, on the run's device."""
    cls: Callable[..., Method] = catalogue.method_class(entry.info)
    if job.device().startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"device={job.device()}: torch finds no such device here; use device=cpu")
    try:
        return cls(belief, **settings).to(job.device())
    except ValueError as error:
        raise UserError(f"method {entry.label} (belief {entry.belief}): {error}") from error


def to_device(split: Split) -> Split:
    """Return a split as tensors on the run's device."""
    return Split(*(torch.as_tensor(part).to(job.device()) for part in split))


def _metadata(content: bytes) -> list[dict[str, Any]]:
    """Read a safetensors file's note on its fits: its header is JSON after its own length."""
    length = int.from_bytes(content[:8], "little")
    notes: list[dict[str, Any]] = json.loads(
        json.loads(content[8 : 8 + length])["__metadata__"]["fits"]
    )
    return notes
