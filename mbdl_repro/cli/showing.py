"""The command that shows an experiment, or a comparison, on one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import EITHER, comparisons, json_option, scale_option
from mbdl_repro.cli.shared import as_json, bold, put, state_of

if TYPE_CHECKING:
    from mbdl_repro.experiments.experiment import Experiment
    from mbdl_repro.experiments.scale import Scale
    from mbdl_repro.store.paths import Store

FEW = 6
"""Swept values that are shown in full."""


@click.command(
    cls=Command,
    examples=("mbdl show 5.06", "mbdl show 6_talk"),
    keys="name, kind (experiment or comparison), title, example, section, says, file, results, "
    "verdicts (how many of each), figure, seconds (of computing, on one core), run; of an "
    "experiment also area, scenario, beliefs, sweep, test_sweep, samples, seeds, metrics, "
    "bounds, methods (label, legend, method, family, belief, parameters); of a comparison also "
    "compares, experiments, claims",
)
@click.argument("name", type=EITHER)
@scale_option
@json_option
def show(name: str, scale_name: str, in_json: bool) -> None:
    """Show an experiment or a comparison on one screen: what it asks, and what came out."""
    from mbdl_repro.experiments import reading

    scale = reading.load_scale(scale_name)
    told = _comparison(name, scale) if name in comparisons() else _experiment(name, scale)
    put(as_json(told) if in_json else _text(told))


def _experiment(name: str, scale: Scale) -> dict[str, Any]:
    """Return what is shown of an experiment."""
    from mbdl_repro.experiments import reading
    from mbdl_repro.store.paths import Store
    from mbdl_repro.store.records import read_record

    e, store = reading.load(name, scale), Store.of(scale)
    costs = (read_record(store.seed_rows(name)) or {}).get("cost", {}).values()
    seconds = [of[f"{verb}_seconds"] for of in costs for verb in ("train", "evaluate")]
    return {
        **_of_file(e),
        "kind": "experiment",
        "area": e.area,
        "scenario": e.file["scenario"],
        "beliefs": {name: fields for name, fields in e.beliefs.items() if fields},
        "sweep": {c: values for c, values in e.columns.items() if c not in e.test_columns},
        "test_sweep": {c.removeprefix("test_"): e.columns[c] for c in e.test_columns},
        "samples": e.samples.model_dump(),
        "seeds": e.n_seeds,
        "metrics": e.metrics,
        "bounds": e.bounds,
        "methods": _methods(e, store),
        "results": _state(name, scale),
        **_made(name, store, scale),
        "seconds": round(sum(seconds), 1) if seconds else None,
    }


def _comparison(name: str, scale: Scale) -> dict[str, Any]:
    """Return what is shown of a comparison."""
    from mbdl_repro.comparisons import reading
    from mbdl_repro.store.paths import Store
    from mbdl_repro.store.records import read_record

    comparison, store = reading.load(name), Store.of(scale)
    table = store.comparison(name)
    record = read_record(table) or {}
    rows = [path for path in record.get("inputs", {}) if "/rows/" in path and path.endswith(".csv")]
    names = [path.rpartition("/")[2].removesuffix(".csv") for path in rows]
    return {
        **_of_file(comparison),
        "kind": "comparison",
        "compares": comparison.caption,
        "experiments": [one for one in names if not one.endswith(".history")],
        "claims": len(comparison.claims),
        "results": state_of(store, name, table),
        **_made(name, store, scale),
        "seconds": record.get("cpu_seconds"),
    }


def _of_file(one: Any) -> dict[str, Any]:
    """Return what the file of an experiment or comparison says of itself."""
    return {
        "name": one.name,
        "title": one.book.title,
        "example": one.book.example,
        "section": one.book.section,
        "says": one.book.says,
        "file": one.path.as_posix(),
    }


def _made(name: str, store: Store, scale: Scale) -> dict[str, Any]:
    """Return what is there of results, and how they are made again."""
    from mbdl_repro.store.records import damage, read_table

    path, figure = store.verdicts(name), store.figure(name)
    counts: Counter[str] = Counter()
    if path.is_file() and not damage(path):
        counts.update(read_table(path).get("verdict", []))
    at_scale = "" if scale.name == "full" else f" --scale {scale.name}"
    return {
        "verdicts": dict(counts),
        "figure": figure.as_posix() if figure.is_file() else None,
        "run": f"mbdl run {name}{at_scale} --force",
        "at_scale": at_scale,
    }


def _state(name: str, scale: Scale) -> str:
    """Say in a few words whether results are as this code makes them."""
    from mbdl_repro.pipeline.plan import Plan
    from mbdl_repro.pipeline.status import Status

    status = Status(Plan(scale, name))
    # The report, which tells of more than one experiment, is not among them.
    targets = [task for task in status.plan.targets if task.verb != "report"]
    found = [(task, status.of(task).state) for task in targets]
    states = {state for _, state in found}
    for word in ("damaged", "stale"):
        if word in states:
            first = next(task for task, state in found if state == word)
            return f"{word}: {status.why(first)}; a run makes them anew"
    if states == {"missing"}:
        return "not made"
    return "partly made" if "missing" in states else "fresh"


def _methods(experiment: Experiment, store: Store) -> list[dict[str, Any]]:
    """Return what is shown of each method, with the least and most numbers that it learns."""
    from mbdl_repro.store.records import damage, read_table

    path, sizes = store.table(experiment.name), {}
    if path.is_file() and not damage(path):
        counts = read_table(path).groupby("method")["n_parameters"].agg(["min", "max"])
        sizes = dict(zip(counts.index, counts.to_numpy().tolist(), strict=True))
    return [
        {
            "label": label,
            "legend": entry.legend,
            "method": entry.info.name,
            "family": entry.info.family.title,
            "belief": entry.belief,
            "parameters": sizes.get(label),
        }
        for label, entry in experiment.methods.items()
    ]


# As text ----------------------------------------------------------------------------------------


def _text(told: dict[str, Any]) -> str:
    from mbdl_repro.pipeline.costs import duration
    from mbdl_repro.reporting import docstrings

    example = f"Example {told['example']}, " if told["example"] else ""
    heading = f"{bold(told['name'])}: {told['title']} ({example}Section {told['section']})"
    about = _about_experiment if told["kind"] == "experiment" else _about_comparison
    verdicts = ", ".join(f"{verdict}: {n}" for verdict, n in told["verdicts"].items())
    made = {
        "results": told["results"],
        "claims": verdicts,
        "figure": told["figure"],
        "cost": f"{duration(told['seconds'])} on one core" if told["seconds"] else None,
        "file": told["file"],
        "run": told["run"],
        "more": f"mbdl table {told['name']}{told['at_scale']}, "
        f"mbdl verdicts {told['name']}{told['at_scale']}",
    }
    about_it = about(told).rstrip("\n")
    return "\n".join([heading, docstrings.wrapped(told["says"]), "", about_it, "", _list(made)])


def _about_experiment(told: dict[str, Any]) -> str:
    """Return the setting of an experiment in words, and its methods as a table."""
    from mbdl_repro.reporting import tables

    samples = told["samples"]
    each = f"{samples['test']} test and {samples['validation']} validation signals"
    swept = {f"swept {name}": _values(values) for name, values in told["sweep"].items()}
    tested = {f"tested at {name}": _values(values) for name, values in told["test_sweep"].items()}
    setting = {
        "area": told["area"],
        "scenario": _fields(told["scenario"]),
        **{f"belief {name}": _fields(fields) for name, fields in told["beliefs"].items()},
        **swept,
        **tested,
        "seeds": f"{told['seeds']}, each with {each}",
        "metrics": ", ".join(told["metrics"]),
        "bounds": ", ".join(told["bounds"]),
    }
    rows = [
        [one["label"], one["legend"], one["family"], one["belief"], _range(one["parameters"])]
        for one in told["methods"]
    ]
    return (
        _list(setting)
        + "\n"
        + tables.as_text(["method", "legend", "family", "belief", "learned"], rows)
    )


def _about_comparison(told: dict[str, Any]) -> str:
    return _list({"compares": told["compares"], "experiments": ", ".join(told["experiments"])})


def _list(items: dict[str, Any]) -> str:
    """Return what there is to say under names, each in lines of its own."""
    from mbdl_repro.reporting import tables

    return tables.as_text([], [[name, text] for name, text in items.items() if text])


def _fields(fields: dict[str, Any]) -> str:
    from mbdl_repro.reporting import numbers

    return ", ".join(
        f"{name} {'unknown' if value is None else numbers.plain(value)}"
        for name, value in fields.items()
    )


def _values(values: Iterable[Any]) -> str:
    """Return a few values in full, of many the first, the last and how many."""
    from mbdl_repro.reporting import numbers

    shown = [numbers.plain(value) for value in values]
    if len(shown) <= FEW:
        return ", ".join(shown)
    return f"{shown[0]}, {shown[1]}, …, {shown[-1]} ({len(shown)} values)"


def _range(parameters: list[int] | None) -> str:
    return "?" if parameters is None else " to ".join(f"{n}" for n in dict.fromkeys(parameters))
