"""The command that begins an experiment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import AREA, EXPERIMENT, experiments_and_comparisons
from mbdl_repro.cli.shared import put
from mbdl_repro.errors import UserError

if TYPE_CHECKING:
    from mbdl_repro.experiments.experiment import Experiment, MethodEntry

TEMPLATE = Path(__file__).with_name("experiment.yaml.txt")

FIRST = {
    "doa": "5.10_subspacenet",
    "image_restoration": "5.3_dnn_conversion",
    "linear_estimation": "5.01_linear_estimation",
    "sparse_recovery": "5.06_lista",
    "tracking": "tracking_kalmannet",
}
"""The experiment that one of an area is begun like, if none is named."""


@click.command(
    cls=Command,
    examples=(
        "mbdl new-experiment mine --area sparse_recovery",
        "mbdl new-experiment mine --like 5.06_lista",
    ),
)
@click.argument("name")
@click.option("--area", type=AREA, help="The running example that it belongs to.")
@click.option("--like", type=EXPERIMENT, help="Whose scenario and methods it begins with.")
@click.option("--write", is_flag=True, help="Write the file, and not only print it.")
def new_experiment(name: str, area: str | None, like: str | None, write: bool) -> None:
    """Begin an experiment: print, or write, a short file that runs as it is.

    It has a scenario, two methods, a metric, a panel and a claim, and says what each is for.
    """
    from mbdl_repro.experiments import names, reading

    if problem := names.problem_of(name):
        raise UserError(f"{name!r} cannot name an experiment: {problem}")
    if name.casefold() in (known.casefold() for known in experiments_and_comparisons()):
        raise UserError(f"there is {name!r} already: choose a new name")
    if like is None:
        if area is None:
            raise UserError("which running example? add --area, or --like with an experiment")
        like = first_of(area)
    if like is None or area not in (None, reading.area_of(like)):
        raise UserError(f"{like or 'no experiment'} is not in {area}: choose another for --like")
    text = begun(name, reading.load(like, reading.load_scale("full")))
    if not write:
        put(text)
        return
    from mbdl_repro.store.files import write_bytes

    path = reading.EXPERIMENTS / f"{name}.yaml"
    write_bytes(path, text.encode())
    click.echo(
        f"wrote {path}: edit it, then\n"
        f"  mbdl plan {name}               # is it right, and what would run?\n"
        f"  mbdl run {name} --scale smoke  # does it work?\n"
        f"  mbdl run {name}                # figures/{name}.png"
    )


def first_of(area: str) -> str | None:
    """Return the experiment of an area to begin with; None if it has none yet."""
    from mbdl_repro.experiments import reading

    known = [name for name in reading.names() if reading.area_of(name) == area]
    return FIRST[area] if FIRST.get(area) in known else next(iter(known), None)


def begun(name: str, like: Experiment) -> str:
    """Return the file of an experiment that is to be written.

    Args:
        name: of the experiment.
        like: whose scenario and methods it begins with.

    Raises:
        UserError: that experiment has no two methods to begin with.
    """
    from mbdl_repro import catalogue, figures
    from mbdl_repro.catalogue.memory import PACKAGE

    classical, learned = _two(like)
    metric = like.metrics[0]
    marks = catalogue.metrics(like.area)[metric].marks
    used = {entry.belief for entry in (classical, learned)}
    given = like.file.get("beliefs") or {}
    beliefs = {belief: given[belief] for belief in given if belief in used}
    module = type(like.scenario).__module__.split(".")[1:]
    file = PACKAGE.joinpath(*module).with_suffix(".py").relative_to(PACKAGE.parent)
    words = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "section": like.book.section,
        "area": like.area,
        "scenario_file": file.as_posix(),
        "scenario": _yaml(like.file["scenario"]),
        "beliefs": f"beliefs:                      # what a designer may think of it\n"
        f"{_yaml(beliefs)}\n"
        if beliefs
        else "",
        "sweep": _sweep(max(n for _, n in like.runs)),
        "validation": like.samples.validation,
        "test": like.samples.test,
        "methods": _yaml({one.label: _entry(like, one) for one in (classical, learned)}),
        "metric": metric,
        "metrics": ", ".join(catalogue.metrics(like.area)),
        "kinds": ", ".join(figures.panel_kinds()),
        "x_scale": "log" if marks.get("positive") else "linear",
        "labels": f"{classical.label}, {learned.label}",
        "classical": classical.label,
        "learned": learned.label,
    }
    return TEMPLATE.read_text(encoding="utf-8").format(**words)


def _two(like: Experiment) -> tuple[MethodEntry, MethodEntry]:
    """Return a method that learns nothing, and one that learns, or else another."""
    simple = [entry for entry in like.methods.values() if not entry.genie_aided]
    if len(simple) < 2 or like.measured is not None:
        raise UserError(f"{like.name} has no two methods to begin with: choose another for --like")
    classical = _first(entry for entry in simple if not entry.info.learns) or simple[0]
    others = [entry for entry in simple if entry is not classical]
    return classical, _first(entry for entry in others if entry.info.learns) or others[0]


def _first(entries: Iterable[MethodEntry]) -> MethodEntry | None:
    return next(iter(entries), None)


def _entry(like: Experiment, entry: MethodEntry) -> dict[str, Any]:
    """Return an entry as its file has it, without what only that file's size asks for."""
    given = like.file["methods"][entry.label] or {}
    return {key: value for key, value in given.items() if key != "jobs"}


def _sweep(n_train: int) -> str:
    """Return the block of the sweep: one size of the training set, where anything learns."""
    if n_train == 0:
        return ""
    return (
        "sweep:                        # fields of the scenario, each with a list of values, and\n"
        f"{f'  n_train: [{n_train}]':30}# sizes of the training set\n"
    )


def _yaml(data: Any) -> str:
    """Return data as a block of YAML, two spaces further in."""
    import textwrap

    import yaml

    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=90)
    return textwrap.indent(text.rstrip(), "  ")
