"""Weights that are kept with the table: of each learned method those of one fit.

So who wants to use a network, or to look into it, need not train it. The file of an experiment
holds its tensors as ``<method>/<tensor>``, and a note on each method as JSON, ``methods`` in its
metadata: what was fitted where, and how large it is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Scenario, in_seed
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments.experiment import Experiment, Fit, MethodEntry
from mbdl_repro.learning.safetensors_header import metadata
from mbdl_repro.pipeline.models import Models, build
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_checked

MOST_BYTES = 300_000
"""What the weights of a method may take. Of a larger network, the note alone is kept."""

Kept = tuple[dict[str, Any], dict[str, Tensor]]
"""A note on a method's fit, and its tensors."""


def main_fit(experiment: Experiment, label: str) -> Fit:
    """Return the fit whose weights are kept: the block of the first seed.

    It is the one at the scenario's own values, if they are a point of the sweep, else at the first
    point; to the largest training set there, and for the last number of iterations.

    Args:
        experiment: that the method is part of.
        label: the method.
    """
    fits = [fit for fit in experiment.fits(label) if 0 in fit.seeds]
    own = canonical(dataclasses.asdict(experiment.scenario))
    at_own = [
        fit
        for fit in fits
        if canonical(dataclasses.asdict(experiment.scenario_at(fit.point))) == own
    ]
    point = (at_own or fits)[0].point
    here = [fit for fit in fits if fit.point == point]
    return sorted(here, key=lambda fit: fit.n_train)[-1]


def kept(experiment: Experiment, label: str, store: Store, device: str) -> Kept:
    """Return what is kept of a learned method's main fit.

    Args:
        experiment: that the method is part of.
        label: the method.
        store: where its fits lie.
        device: that they were made on, as torch names it.
    """
    fit = main_fit(experiment, label)
    models = Models(experiment, label, store, device)
    fitted, unfitted, tuned = models.first(fit)
    note = note_of(models.entry, fit, tuned) | {"fit": models.key(fit)}
    return note, learned_tensors(fitted, unfitted)


def note_of(entry: MethodEntry, fit: Fit, tuned: dict[str, Any]) -> dict[str, Any]:
    """Return in plain words what the first seed's fit of a block is.

    Args:
        entry: the method's line in the experiment.
        fit: the block.
        tuned: the settings that it chose on validation.
    """
    return {
        "method": f"{entry.info.area}.{entry.info.name}",
        "belief": entry.belief,
        "settings": entry.settings_at(fit.depth) | tuned,
        "tuned": tuned,
        "point": fit.point,
        "n_train": fit.n_train,
        "iterations": fit.depth,
        "seed": fit.seeds[0],
    }


def learned_tensors(fitted: Method, unfitted: Method) -> dict[str, Tensor]:
    """Return the tensors of a method that building it does not give, in single precision.

    These are all that are trained, and what else the fit has changed: units, means. What building
    gives may differ in last digits from machine to machine: below single precision, it is the same.

    Args:
        fitted: the method.
        unfitted: the same one, as it was built.
    """
    trained = {name for name, tensor in fitted.named_parameters() if tensor.requires_grad}
    before = unfitted.state_dict()
    return {
        name: _single(tensor)
        for name, tensor in fitted.state_dict().items()
        if name in trained or not _close(tensor, before[name])
    }


def weights_to_bytes(found: Mapping[str, Kept]) -> bytes:
    """Return the weights of an experiment's methods as the bytes of a safetensors file.

    Tensors that methods share are stored once: the note says, ``tensors_of``, under whose name, or
    ``null`` where they are more than :data:`MOST_BYTES`.

    Args:
        found: of each method, by its label, what :func:`kept` returned.
    """
    tensors: dict[str, Tensor] = {}
    notes = {}
    for label, (note, own) in found.items():
        size = sum(tensor.nbytes for tensor in own.values())
        holder = next(other for other, (_, of_other) in found.items() if _equal(own, of_other))
        small = size <= MOST_BYTES
        notes[label] = note | {"bytes": size, "tensors_of": holder if small else None}
        if small and holder == label:
            tensors |= {f"{label}/{name}": tensor for name, tensor in own.items()}
    return safetensors.torch.save(tensors, {"methods": json.dumps(notes, sort_keys=True)})


def load_kept(
    experiment: Experiment,
    label: str,
    store: Store,
    belief: Scenario | None = None,
    settings: Mapping[str, Any] = {},
) -> tuple[Method, dict[str, Any]]:
    """Return a learned method with the weights that are kept of it, and the note on its fit.

    Args:
        experiment: that the method is part of.
        label: the method.
        store: where the experiment's rows lie, and the weights with them.
        belief: what it shall assume in place of what it did when it was fitted.
        settings: those that shall be others.

    Raises:
        UserError: if there are no weights of it, or none that fit it as it is now.
    """
    content = read_checked(store.weights(experiment.name))
    notes = json.loads(metadata(content)["methods"])
    if label not in notes:
        raise UserError(f"{experiment.name} keeps no weights of {label!r}; {one_of(label, notes)}")
    note = notes[label]
    if note["tensors_of"] is None:
        raise UserError(
            f"{experiment.name} keeps no weights of {label}, which take {note['bytes'] / 1e6:.1f} "
            f"MB: at most {MOST_BYTES / 1e6:g} MB are kept of a method. A run that fits it writes "
            f"{store.model(experiment.name, label, 1, experiment.methods[label].jobs)}, which "
            "names the files of all its weights"
        )
    entry = experiment.methods[label]
    belief = belief or in_seed(experiment.belief_at(label, note["point"]), note["seed"])
    note["settings"] = entry.settings_at(note["iterations"]) | note["tuned"] | settings
    method = build(entry, belief, note["settings"], "cpu")
    restore(method, content, note["tensors_of"])
    return method, note


def restore(method: Method, content: bytes, label: str) -> None:
    """Give a method, as it was built, the weights that are kept under a label.

    Args:
        method: changed in place.
        content: what :func:`weights_to_bytes` returned.
        label: under which its tensors lie.

    Raises:
        UserError: if they are not those of such a method.
    """
    prefix = f"{label}/"
    stored = {
        name.removeprefix(prefix): tensor
        for name, tensor in safetensors.torch.load(content).items()
        if name.startswith(prefix)
    }
    try:
        method.load_state_dict(method.state_dict() | stored)
    except RuntimeError as error:
        raise UserError(
            f"the weights that are kept of {label} are not those of the method as it is now: run "
            "snakemake to make them anew"
        ) from error


def _single(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    if tensor.is_complex():
        tensor = tensor.to(torch.complex64)
    elif tensor.is_floating_point():
        tensor = tensor.to(torch.float32)
    return tensor.contiguous()


def _close(a: Tensor, b: Tensor) -> bool:
    """Return whether tensors differ by less than single precision tells, of the largest entry."""
    if not (b.is_floating_point() or b.is_complex()) or b.numel() == 0:
        return torch.equal(a, b)
    return bool((a - b).abs().max() <= 2.0**-24 * b.abs().max())


def _equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
