"""What each stored result, and each job, depends on besides code: plain data.

Names in them are those of the catalogue, such as ``sparse_recovery.lista``, wherever its code is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mbdl_repro import catalogue
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.contract.table import Point
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment, Fit, MethodEntry

# Stored results -----------------------------------------------------------------------------------


def data_spec(experiment: Experiment, fit: Fit, test_point: Point | None = None) -> dict[str, Any]:
    """Return what the data of a block of seeds depend on: what is tested on, or trained with.

    Args:
        experiment: at a scale.
        fit: its point and seeds.
        test_point: where off that point the test set is drawn; empty: at it; ``None``: the
            training and validation sets, which are.

    Raises:
        UserError: if a genie-aided method asks for what only a fit needs, so that its fit, which
            is made elsewhere, is missing.
    """
    if test_point is not None:
        return {
            "truth": _truth(experiment, fit.point, test_point),
            "seeds": fit.seeds,
            "sizes": {"test": experiment.samples.test},
        }
    if fit.genie_point is not None:
        # A fit to these would not be the one that was tuned.
        raise UserError(
            f"{experiment.name}: a fit at {fit} is missing: remove {experiment.name} in "
            "results/models and run snakemake again"
        )
    spec: dict[str, Any] = {
        "truth": _truth(experiment, fit.point),
        "seeds": fit.seeds,
        "sizes": {
            "train": experiment.largest_n_train(fit.point),
            "validation": experiment.samples.validation,
        },
    }
    if experiment.measured is not None:
        spec["behind"] = experiment.samples.test
    return spec


def fit_spec(experiment: Experiment, label: str, fit: Fit) -> dict[str, Any]:
    """Return what a fit of a method depends on.

    Args:
        experiment: at a scale.
        label: the method.
        fit: the point, the size of the training set, the seeds, and the depth if it has one.
    """
    entry = experiment.methods[label]
    return {
        **_method(entry, fit.depth),
        "belief": _belief(experiment, label, fit.point),
        "truth": _truth(experiment, fit.point) if entry.has_fit else None,
        "n_train": fit.n_train,
        "n_validation": experiment.samples.validation if entry.has_fit else None,
        "seeds": fit.seeds,
    }


def encoding_spec(
    experiment: Experiment, label: str, fit: Fit, test_point: Point
) -> dict[str, Any]:
    """Return what depends on a fit and its test signals, whatever answers are made of it.

    Args:
        experiment: at a scale.
        label: the method.
        fit: that makes it.
        test_point: where off its point the signals are drawn; empty: at it.
    """
    return {
        "fit": fit_spec(experiment, label, fit),
        "truth": _truth(experiment, fit.point, test_point),
        "n_test": experiment.samples.test,
    }


def score_spec(experiment: Experiment, label: str, fit: Fit, test_point: Point) -> dict[str, Any]:
    """Return what the scores of a fit depend on.

    Args:
        experiment: at a scale.
        label: the method.
        fit: what is scored.
        test_point: where off its point; empty: at it.
    """
    answers = experiment.methods[label].settings_not_fitted
    spec = encoding_spec(experiment, label, fit, test_point) | {
        "metrics": experiment.metrics,
        "trace": experiment.recorded(label, fit),
    }
    if answers:
        spec["answers"] = answers
    if fit.genie_point is not None:
        spec["genie_aided"] = _belief(experiment, label, fit.point, fit.genie_point)
    return spec


def bound_spec(experiment: Experiment, name: str, fit: Fit, test_point: Point) -> dict[str, Any]:
    """Return what the values of a bound depend on.

    Args:
        experiment: at a scale.
        name: the bound.
        fit: the point, the size of the training set, and the seeds.
        test_point: where off the point; empty: at it.
    """
    info = catalogue.bounds(experiment.area)[name]
    along = "iteration" in info.arguments
    marks = {name: info.marks for name, info in catalogue.metrics(experiment.area).items()}
    return {
        "bound": f"{experiment.area}.{name}",
        "reported": {
            metric: {key: marks[metric][key] for key in ("summary", "decibels")}
            for metric in experiment.bounded(name)
        },
        "tested": data_spec(experiment, fit, test_point),
        "fitted": data_spec(experiment, fit),
        "n_train": fit.n_train,
        "trace": experiment.trace if along else None,
    }


# Jobs ---------------------------------------------------------------------------------------------


def simulate_spec(experiment: Experiment) -> dict[str, Any]:
    """Return what the index of the simulated data depends on."""
    drawn = [data_spec(experiment, *one) for one in experiment.drawn]
    return _data(experiment) | {"results": _digest(drawn)}


def train_spec(experiment: Experiment, label: str) -> dict[str, Any]:
    """Return what the index of a method's fits depends on.

    Args:
        experiment: at a scale.
        label: the method.
    """
    fits = [fit_spec(experiment, label, fit) for fit in experiment.fits(label)]
    return _data(experiment) | {"method": _entry(experiment, label), "results": _digest(fits)}


def evaluate_spec(experiment: Experiment, label: str) -> dict[str, Any]:
    """Return what the rows of a method depend on.

    Args:
        experiment: at a scale.
        label: the method.
    """
    scores = [score_spec(experiment, label, *scoring) for scoring in experiment.scorings(label)]
    return _data(experiment) | {
        "method": _entry(experiment, label),
        "results": _digest(scores),
        "metrics": experiment.metrics,
        "trace": experiment.trace,
    }


def bounds_spec(experiment: Experiment) -> dict[str, Any]:
    """Return what the rows of all bounds depend on."""
    values = [bound_spec(experiment, *bounding) for bounding in experiment.boundings()]
    return _data(experiment) | {
        "bounds": experiment.bounds,
        "metrics": experiment.metrics,
        "results": _digest(values),
    }


def tabulate_spec(experiment: Experiment) -> dict[str, Any]:
    """Return what the rows of seeds, and what is kept beside them, depend on.

    It is all that they come from: what was adopted has no scores to compare with.
    """
    return {
        "scores": [evaluate_spec(experiment, label) for label in experiment.methods],
        "bounds": bounds_spec(experiment) if experiment.bounds else None,
        "shown": [
            {"methods": panel.methods, "place": panel.place, "arrays": panel.wanted}
            | {"n_examples": panel.n_examples}
            for panel in experiment.panels_of_examples
        ],
    }


def summarize_spec(experiment: Experiment) -> dict[str, Any]:
    """Return what the summary depends on, besides the rows."""
    words = {
        label: (entry.info.family.title, entry.belief)
        for label, entry in experiment.methods.items()
    }
    return {"scales": experiment.scales, "words": words, "bound": Family.BOUND.title}


def verify_spec(experiment: Experiment) -> dict[str, Any]:
    """Return what the verdicts depend on, besides the rows."""
    claims = [dataclasses.asdict(claim) for claim in experiment.claims]
    return {"claims": claims, "scales": experiment.scales, "units": experiment.units}


def draw_spec(experiment: Experiment) -> dict[str, Any]:
    """Return what the figure depends on, besides tables."""
    spec = experiment.figure.model_dump()
    spec["panels"] = [panel.model_dump() for panel in experiment.panels]
    spec["legends"] = experiment.legends
    infos = catalogue.metrics(experiment.area)
    spec["labels"] = {name: infos[name].marks["label"] for name in experiment.metrics}
    ranks = {label: entry.info.family.rank for label, entry in experiment.methods.items()}
    spec["order"] = sorted(ranks, key=lambda label: ranks[label])
    if any(getattr(panel, "printed", False) for panel in experiment.panels):
        spec["printed"] = [(dataclasses.asdict(p), value) for p, value in experiment.published]
    return spec


def count_spec(experiment: Experiment) -> dict[str, Any]:
    """Return what the operations of an estimate depend on: how methods are built, and data."""
    entries = [
        _entry(experiment, label) | {"answers": experiment.methods[label].settings_not_fitted}
        for label in experiment.methods
    ]
    return {"data": _data(experiment), "methods": entries}


def compare_spec(
    experiments: Mapping[str, Experiment], file: dict[str, Any], also: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what a comparison depends on, besides the tables of experiments.

    Args:
        experiments: all that there are, by name.
        file: the comparison's whole content.
        also: names of experiments without a role that it reads.
    """
    read = {
        name: digest(canonical(_compared(experiment)))
        for name, experiment in experiments.items()
        if experiment.roles or name in also
    }
    return {"comparison": file, "experiments": read}


def _compared(experiment: Experiment) -> dict[str, Any]:
    """Return what comparisons read off an experiment itself."""
    shown = ("title", "methods", "where", "y", "over")
    return {
        "roles": [role.model_dump() for role in experiment.roles],
        "panels": [[getattr(panel, key, None) for key in shown] for panel in experiment.panels],
        "beliefs": experiment.beliefs,
        "legends": experiment.legends,
        "families": {k: v.info.family.title for k, v in experiment.methods.items()},
        "metrics": {m: catalogue.metrics(experiment.area)[m].marks for m in experiment.metrics},
    }


def gather_spec(names: Sequence[str]) -> dict[str, Any]:
    """Return what the table of all verdicts depends on, besides each of them.

    Args:
        names: of all experiments and comparisons.
    """
    return {"experiments": list(names)}


def report_spec(experiments: Mapping[str, Experiment], layout: str) -> dict[str, Any]:
    """Return what the report depends on, besides the tables and figures.

    It shows what methods, metrics and bounds say of themselves, which is in no key of theirs.

    Args:
        experiments: all that it shows, by name.
        layout: the digest of its template.
    """
    docs = [experiment.docs() for experiment in experiments.values()]
    files = {name: experiment.file for name, experiment in experiments.items()}
    families = [(family.title, family.section, family.learned) for family in Family]
    shown = {"docs": digest(canonical(docs)), "families": families, "layout": layout}
    return files | shown


# Their parts --------------------------------------------------------------------------------------


def _truth(experiment: Experiment, *overrides: Point) -> dict[str, Any]:
    def fields() -> dict[str, Any]:
        truth = dataclasses.asdict(experiment.scenario_at(*overrides))
        name = {"scenario": f"{experiment.area}.{experiment.scenario_name}"}
        if experiment.measured is not None:
            name["measured"] = experiment.measured.checksum
        return name | truth

    return _once(experiment, f"truth {overrides}", fields)


def _belief(
    experiment: Experiment, label: str, point: Point, genie_point: Point | None = None
) -> dict[str, Any]:
    name = f"{experiment.methods[label].belief} {point} {genie_point}"
    return _once(
        experiment,
        f"belief {name}",
        lambda: dataclasses.asdict(experiment.belief_at(label, point, genie_point)),
    )


def _once(experiment: Experiment, name: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a part that many specifications have in common, which is found out once."""
    if name not in experiment.common_parts:
        experiment.common_parts[name] = find()
    return experiment.common_parts[name]


def _method(entry: MethodEntry, depth: int | None = None) -> dict[str, Any]:
    """Return what the fits of a method depend on, besides data."""
    settings = entry.settings_at(depth)
    return {
        "method": f"{entry.info.area}.{entry.info.name}",
        "settings": {k: v for k, v in settings.items() if k not in entry.info.not_fitted},
        "tune": entry.tune,
        "recipe": entry.recipe.model_dump() if entry.info.learns else None,
    }


def _entry(experiment: Experiment, label: str) -> dict[str, Any]:
    """Return a line of the experiment's methods."""
    entry = experiment.methods[label]
    belief = {"label": label, "belief": experiment.beliefs[entry.belief]}
    return _method(entry) | belief | ({"depths": entry.depths} if entry.depths else {})


def _data(experiment: Experiment) -> dict[str, Any]:
    """Return what all jobs of an experiment have in common, in the words of its file."""
    return {
        "scenario": _truth(experiment),
        "runs": experiment.runs,
        "test_points": experiment.test_points,
        "samples": experiment.samples.model_dump(),
        "seeds": experiment.n_seeds,
        "block": experiment.block,
    }


def _digest(specs: list[dict[str, Any]]) -> str:
    """Return what changes with the specification of any result, however that came to be made."""
    return digest(canonical(specs))[:24]
