"""What is kept of experiments: their methods as they were trained, tables and verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.contract.hashing import canonical
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Scenario, in_seed
from mbdl_repro.contract.table import same
from mbdl_repro.errors import UserError, meant, named, one_of
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.face.root import in_root
from mbdl_repro.pipeline.models import build
from mbdl_repro.pipeline.weights import load_kept, main_fit, note_of
from mbdl_repro.reporting.made import made_table, stop_unless_made
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, read_table

if TYPE_CHECKING:
    import pandas as pd


def load(
    experiment: str, method: str, *, belief: Scenario | None = None, **settings: Any
) -> Method:
    """Return a method of an experiment as it was trained, with the weights that are kept of it.

    They are those of the first seed, at the experiment's main point and from its largest training
    set. What learns nothing is built, with the settings that most seeds chose.

    Args:
        experiment: its name, or the beginning of it: ``5.06``.
        method: its label there; or its own name, which stands for the first label of such a
            method, of those that begin with it if there are some.
        belief: what it shall assume in place of what it did: another H, say, for the same prior.
        settings: those that shall be others than in the experiment.

    Returns:
        The method: ``estimate`` maps observations (n, ...) to estimates (n, ...). Its attribute
        ``made_by`` says what made it: experiment, belief, settings, point, the scenario there,
        size of the training set, seed, and the versions of the packages; ``told_otherwise``, of
        what has learned: numbers of things, such as sources, that ``belief`` has otherwise than the
        training had. Estimates then come with a warning.

    Raises:
        UserError: no such experiment or method, or no weights of it are kept.
    """
    with in_root():
        found, store = _experiment(experiment)
        method = _label(found, method)
        stop_unless_made(store.seed_rows(found.name), found.name)
        record = read_record(store.seed_rows(found.name)) or {}
        otherwise = {}
        if found.methods[method].info.learns:
            loaded, note = load_kept(found, method, store, belief, settings)
            otherwise = _otherwise(found.belief_at(method, note["point"]), belief)
        else:
            chosen = _chosen(found, method, record.get("chosen", {}).get(method, {}))
            loaded, note = _built(found, method, belief, chosen | settings)
    stored = ("bytes", "fit", "tensors_of")  # how it lies in its file
    made_by: dict[str, Any] = {"experiment": found.name, "label": method}
    made_by |= {key: value for key, value in note.items() if key not in stored}
    made_by["scenario"] = dataclasses.asdict(found.scenario_at(note["point"]))
    made_by |= {key: record[key] for key in ("created", "versions") if key in record}
    made_by["told_otherwise"] = otherwise
    loaded.made_by = made_by  # type: ignore[assignment]
    return loaded


def _otherwise(trained: Scenario, told: Scenario | None) -> dict[str, tuple[Any, Any]]:
    """Return the numbers of things that a belief has otherwise: as in training, and as told."""
    if told is None:
        return {}
    of_training, now = vars(trained), vars(told)
    counts = [name for name in of_training if name.startswith("n_") and name in now]
    return {
        name: (of_training[name], now[name])
        for name in counts
        if not same(of_training[name], now[name])
    }


def _label(experiment: Experiment, name: str) -> str:
    """Return the label in an experiment that a label, or a method's own name, stands for."""
    if label := meant(name, experiment.methods):
        return label
    such = [label for label, one in experiment.methods.items() if one.info.name == name]
    begun = [label for label in such if label.startswith(name)]
    if not such:
        raise UserError(
            f"{experiment.name} has no method {name!r}; {one_of(name, experiment.methods)}"
        )
    return (begun or such)[0]


def _chosen(
    experiment: Experiment, label: str, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """Return the settings that most seeds chose for a method."""
    entry = experiment.methods[label]
    if entry.tune.keys() - counts.keys():
        raise UserError(
            f"{experiment.name} keeps no record of what {label} chose for {', '.join(entry.tune)}: "
            f"run snakemake --cores all --config experiments={experiment.name}"
        )
    return {
        name: max(values, key=lambda value: counts[name].get(canonical(value), 0))
        for name, values in entry.tune.items()
    }


def _built(
    experiment: Experiment, label: str, belief: Scenario | None, settings: dict[str, Any]
) -> tuple[Method, dict[str, Any]]:
    """Return a method that learns nothing, and a note on what it is."""
    entry, fit = experiment.methods[label], main_fit(experiment, label)
    note = note_of(entry, fit, {k: v for k, v in settings.items() if k in entry.tune})
    note["settings"] |= settings
    belief = belief or in_seed(experiment.belief_at(label, fit.point), fit.seeds[0])
    return build(entry, belief, note["settings"], "cpu"), note


def scenario(experiment: str, belief: str | None = None) -> Scenario:
    """Return an experiment's scenario, at the main point: its own values, if the sweep has them.

    Args:
        experiment: its name, or the beginning of it: ``5.06``.
        belief: the name of a belief there, to have what its designer assumes; ``None``: the truth.

    Raises:
        UserError: no such experiment or belief.
    """
    with in_root():
        found, _ = _experiment(experiment)
        point = main_fit(found, next(iter(found.methods))).point
        truth = found.scenario_at(point)
        if belief is None:
            return truth
        if belief not in found.beliefs:
            raise UserError(
                f"{found.name} has no belief {belief!r}; {one_of(belief, found.beliefs)}"
            )
        return truth.believed(**found.beliefs[belief])


def table(name: str) -> pd.DataFrame:
    """Return the table of an experiment, or of a comparison of several.

    Of an experiment it has a row a method, place and metric, with its 95 % interval.

    Args:
        name: of the experiment or comparison, or the beginning of it.

    Raises:
        UserError: there is none of this name, or its table has not been made.
    """
    with in_root():
        whole, store = _whole(name), Store.of(reading.load_scale("full"))
        compared = whole in comparisons.names()
        return made_table(store.comparison(whole) if compared else store.table(whole), whole)


def verdicts(name: str | None = None) -> pd.DataFrame:
    """Return what became of claims and published numbers: a row each.

    Args:
        name: of an experiment or comparison, or the beginning of it; ``None``: those of all.

    Raises:
        UserError: there is none of this name, or there are no verdicts of it.
    """
    with in_root():
        store = Store.of(reading.load_scale("full"))
        if name is None:
            return read_table(store.verdicts())
        whole = _whole(name)
        return made_table(store.verdicts(whole), whole)


def _whole(name: str) -> str:
    """Return the whole name of an experiment or comparison, of which this is the beginning."""
    known = [*reading.names(), *comparisons.names()]
    return named(name, known, "experiment or comparison", reading.LISTED_BY)


def _experiment(name: str) -> tuple[Experiment, Store]:
    scale = reading.load_scale("full")
    (found,) = reading.load_all(scale, name).values()
    return found, Store.of(scale)
