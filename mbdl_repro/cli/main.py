"""The command line: look at what there is, and begin something new."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro import catalogue
from mbdl_repro.catalogue import REQUIRED, FunctionInfo, MethodInfo
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import distinct
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.reporting import readable
from mbdl_repro.statistics.relations import SIGNS
from mbdl_repro.store.artifacts import Store, damage, read_table, table_to_bytes, write_bytes

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "csv", "markdown", "latex")
COLOURS = {"holds": "green", "fails": "red", "undecided": "yellow", "not run": "bright_black"}


class Command(click.Command):
    """A command that runs in the project's root, and tells mistakes in one message."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            _stop_outside_root()
            return super().invoke(ctx)
        except UserError as error:
            raise click.ClickException(str(error)) from None


class Commands(click.Group):
    """The group of all commands."""

    command_class = Command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command by its name."""
        if args[0] not in self.commands:
            raise click.UsageError(f"no command {args[0]!r}; {one_of(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


def _stop_outside_root() -> None:
    folder = experiment_file.EXPERIMENTS
    if folder.is_dir():
        return
    here = Path.cwd()
    above = next((parent for parent in here.parents if (parent / folder).is_dir()), None)
    raise UserError(
        f"this folder has no {folder}: run mbdl in the project's root folder"
        + (f", {above}" if above else ", the one that holds the Snakefile")
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mbdl-repro", prog_name="mbdl")
def main() -> None:
    """Look at the monograph's experiments, their methods and results."""


def _scale_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--scale",
        "scale_name",
        default="full",
        show_default=True,
        help="Whose results are read: a file of workflow/scales.",
    )(command)


def _format_options(command: Callable[..., None]) -> Callable[..., None]:
    form = click.option("--format", "form", type=click.Choice(FORMATS), default="text")
    output = click.option("--output", type=click.Path(path_type=Path), help="Write to this file.")
    return form(output(command))


# Experiments and methods ------------------------------------------------------------------------


@main.command()
@_scale_option
def examples(scale_name: str) -> None:
    """List the experiments and the state of their results."""
    scale = experiment_file.load_scale(scale_name)
    rows = [
        [
            f"{e.name}\n  {e.book.title}",
            e.area,
            str(len(e.methods)),
            str(len(e.claims)),
            _state(Store.of(scale), e.name),
        ]
        for e in experiment_file.load_all(scale).values()
    ]
    _show(readable.as_text(["experiment", "area", "methods", "claims", "results"], rows))


def _state(store: Store, name: str) -> str:
    files = [store.table(name), store.verdicts(name), store.figure(name)]
    there = [path for path in files if path.is_file()]
    if any(damage(path) for path in there):
        return "damaged"
    return "not made" if not there else "made" if there == files else "partly made"


@main.command()
@click.option("--area", help="Only those of this running example.")
def methods(area: str | None) -> None:
    """List the methods along the continuum, with the classical parent of each."""
    for name in _areas(area):
        click.echo(_bold(name))
        infos = catalogue.methods(name)
        width = max(map(len, infos), default=0)
        for family in sorted({info.family for info in infos.values()}, key=lambda f: f.rank):
            heading = f"{family.title} (Section {family.section}): learns {family.learned}"
            click.echo(readable.wrapped(heading, "  "))
            rows = []
            for info in infos.values():
                if info.family is family:
                    parent = f" (parent: {info.parent})" if info.parent else ""
                    says = readable.first_sentence(info.doc) + parent
                    rows.append([f"    {info.name:{width}}", says])
            _show(readable.as_text([], rows))


@main.command()
@click.argument("name")
@click.option("--area", help="The running example, where several have one of this name.")
@_scale_option
def explain(name: str, area: str | None, scale_name: str) -> None:
    """Say what a method, a metric or a bound is, what it takes, and where it is used."""
    scale = experiment_file.load_scale(scale_name)
    areas = _areas(area)
    experiments = [e for e in experiment_file.load_all(scale).values() if e.area in areas]
    infos = {place: _infos(place) for place in areas}
    for e in experiments:  # an experiment may give a method a name of its own
        infos[e.area] = {**{k: entry.info for k, entry in e.methods.items()}, **infos[e.area]}
    found = {place: known[name] for place, known in infos.items() if name in known}
    if not found:
        known = [one for place in areas for one in infos[place]]
        raise UserError(f"no method, metric or bound {name!r}; {one_of(name, known)}")
    if len(found) > 1:
        raise UserError(f"{name!r} is in several areas: say --area, one of {', '.join(found)}")
    ((place, info),) = found.items()
    here = [e for e in experiments if e.area == place]
    if isinstance(info, MethodInfo):
        _explain_method(info, here, Store.of(scale))
    else:
        _explain_function(info, here)


def _explain_method(info: MethodInfo, experiments: list[Experiment], store: Store) -> None:
    family = info.family
    click.echo(f"{_bold(info.name)}: {family.title} (Section {family.section})")
    click.echo(f"learned: {family.learned}")
    if info.parent:
        click.echo(f"parent: {info.parent}, which it equals before it is fitted")
    click.echo(f"file: {_file(info.path)}")
    _show_doc(info.doc)
    arguments = readable.arguments(info.doc)
    meanings = {name: readable.QUOTED.sub(r"\2", text) for name, text in arguments.items()}
    click.echo(readable.wrapped(f"belief: {meanings.get('belief', '')}"))
    settings = [
        [name, readable.kind(one.annotation), _default(one.default), meanings.get(name, "")]
        for name, one in info.settings.items()
    ]
    if settings:
        _show(readable.as_text(["setting", "type", "default", "meaning"], settings))
    uses = [
        [
            e.name,
            entry.label,
            entry.belief,
            _parameters(e, entry.label, store),
            ", ".join(f"{k} {v}" for k, v in readable.settings(entry).items()),
        ]
        for e in experiments
        for entry in e.methods.values()
        if entry.info == info
    ]
    if uses:
        _show(readable.as_text(["used in", "as", "belief", "parameters", "settings"], uses))
    else:
        click.echo("no experiment uses it")


def _explain_function(info: FunctionInfo, experiments: list[Experiment]) -> None:
    marks = ", ".join(f"{key}: {value}" for key, value in info.marks.items() if key != "label")
    path = catalogue.PACKAGE.joinpath(*info.module.split(".")[1:]).with_suffix(".py")
    uses = [e.name for e in experiments if info.name in (*e.metrics, *e.bounds)]
    click.echo(f"{_bold(info.name)}{f' ({marks})' if marks else ''}")
    click.echo(readable.wrapped(f"label: {info.marks['label']}"))
    click.echo(f"file: {_file(path)}")
    _show_doc(info.doc)
    click.echo(readable.wrapped(f"used in: {', '.join(uses) or 'no experiment'}"))


def _show_doc(doc: str) -> None:
    """Print a docstring: prose refilled, equations as they are typed."""
    source = readable.source(doc)
    for text in [*readable.paragraphs(doc), *([f"source: {source}"] if source else [])]:
        click.echo("\n" + readable.wrapped(text))


def _default(value: Any) -> str:
    return "required" if value is REQUIRED else readable.plain(value)


def _parameters(experiment: Experiment, label: str, store: Store) -> str:
    if not store.table(experiment.name).is_file():
        return "?"
    table = read_table(store.table(experiment.name))
    sizes = sorted(set(table.loc[table["method"] == label, "n_parameters"]))
    return " to ".join(f"{n}" for n in distinct(sizes[:1] + sizes[-1:]))


def _file(path: Path) -> str:
    return path.relative_to(catalogue.PACKAGE.parent).as_posix()


def _infos(area: str) -> dict[str, MethodInfo | FunctionInfo]:
    return {**catalogue.methods(area), **catalogue.metrics(area), **catalogue.bounds(area)}


def _areas(area: str | None) -> tuple[str, ...]:
    if area is None:
        return catalogue.areas()
    _stop_unless(area, catalogue.areas(), "area")
    return (area,)


def _stop_unless(name: str, allowed: Iterable[str], kind: str) -> None:
    allowed = list(allowed)
    if name not in allowed:
        raise UserError(f"no {kind} {name!r}; {one_of(name, allowed)}")


# Results ----------------------------------------------------------------------------------------


@main.command()
@click.argument("experiment_name", metavar="EXPERIMENT")
@click.option("--metric", "metrics", multiple=True, help="Only this metric; may be repeated.")
@click.option("--method", "rows", multiple=True, help="Only this method or bound; may be repeated.")
@click.option("--seeds", is_flag=True, help="The value of every seed, not their mean.")
@click.option("--iterations", is_flag=True, help="Recorded iterations too, not answers alone.")
@_format_options
@_scale_option
def table(
    experiment_name: str,
    metrics: tuple[str, ...],
    rows: tuple[str, ...],
    seeds: bool,
    iterations: bool,
    form: str,
    output: Path | None,
    scale_name: str,
) -> None:
    """Show an experiment's table: means with 95 % intervals over seeds."""
    scale = experiment_file.load_scale(scale_name)
    experiment = _experiment(experiment_name, scale)
    store = Store.of(scale)
    for metric in metrics:
        _stop_unless(metric, experiment.metrics, "metric")
    for row in rows:
        _stop_unless(row, [*experiment.methods, *experiment.bounds], "method or bound")
    path = store.seed_rows(experiment.name) if seeds else store.table(experiment.name)
    frame = read_table(path)
    if not iterations:
        frame = readable.final(frame)
    for column, chosen in (("metric", metrics), ("method", rows)):
        if chosen:
            frame = frame[frame[column].isin(chosen)]
    head, lines = _lines(experiment, frame, seeds)
    _deliver(frame, head, lines, form, output)


def _lines(
    experiment: Experiment, frame: pd.DataFrame, seeds: bool
) -> tuple[list[str], list[list[str]]]:
    """Return a line a method and place, with a column a metric."""
    keys = ["method", *readable.place_columns(experiment, frame)]
    keys += ["iteration"] if frame["iteration"].notna().any() else []
    keys += ["seed"] if seeds else []
    metrics = distinct(frame["metric"])
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in frame.to_dict("records"):
        key = tuple(_key(name, row[name]) for name in keys)
        half_width = 0.0 if seeds else row["ci_high"] - row["mean"]
        cell = readable.number(row["value" if seeds else "mean"], half_width)
        lines.setdefault(key, {})[row["metric"]] = cell
    body = [[*key, *(cells.get(m, "") for m in metrics)] for key, cells in lines.items()]
    return [*keys, *metrics], body


def _key(column: str, value: Any) -> str:
    if column == "n_train" and value == 0:
        return ""
    return "last" if value != value else readable.plain(value)


@main.command()
@click.argument("experiment_name", metavar="[EXPERIMENT]", required=False)
@_format_options
@_scale_option
def verdicts(experiment_name: str | None, form: str, output: Path | None, scale_name: str) -> None:
    """Show how the book's claims and its published numbers fared."""
    import pandas as pd

    scale = experiment_file.load_scale(scale_name)
    names = [_experiment(experiment_name, scale).name] if experiment_name else None
    store = Store.of(scale)
    paths = [store.verdicts(name) for name in names or experiment_file.names()]
    tables = [read_table(path) for path in paths if names or path.is_file()]
    if not tables:
        raise UserError(f"no verdicts in {paths[0].parent}: run snakemake to make them")
    found = [table for table in tables if "claim" in table]
    frame = pd.concat(found, ignore_index=True) if found else tables[0]
    lines = [_verdict_line(row) for row in frame.to_dict("records")]
    head = ["experiment", "verdict", "claim", "source", "comparison", "difference"]
    if form != "text":
        _deliver(frame, head, lines, form, output)
        return
    blocks = []
    for name in distinct(line[0] for line in lines):
        rows = [
            [
                f"  {verdict:9}",
                f"{claim}\n{comparison}{difference and f', difference {difference}'} ({source})",
            ]
            for where, verdict, claim, source, comparison, difference in lines
            if where == name
        ]
        blocks.append(f"{_bold(name)}\n{readable.as_text([], rows, COLOURS)}")
    counts = [f"{verdict}: {sum(line[1] == verdict for line in lines)}" for verdict in COLOURS]
    _write("\n".join([*blocks, ", ".join(counts) + "\n"]), output)


def _verdict_line(row: dict[str, Any]) -> list[str]:
    left, right = (
        str(row[side])
        if row["verdict"] == "not run" or re.fullmatch(r"[-\d.e+]+", str(row[side]))
        else f"{row[side]} {readable.number(row[f'{side}_value'])}"
        for side in ("left", "right")
    )
    sign = "+" if row["relation"] == SIGNS["reaches"] else "±"
    tolerant = row["tolerance"] == row["tolerance"]
    within = f" {sign}{readable.plain(row['tolerance'])}" if tolerant else ""
    interval = (row["difference"], row["ci_low"], row["ci_high"])
    difference = "" if row["verdict"] == "not run" else readable.difference(*interval)
    comparison = f"{left} {row['relation']} {right}{within}"
    return [row["experiment"], row["verdict"], row["claim"], row["source"], comparison, difference]


def _experiment(name: str, scale: Scale) -> Experiment:
    """Read the experiment of this name, or of the only name that begins so."""
    known = experiment_file.names()
    matching = [name] if name in known else [one for one in known if one.startswith(name)]
    if len(matching) != 1:
        raise UserError(f"no experiment {name!r}; {one_of(name, known)}")
    return experiment_file.load(matching[0], scale)


# What is made, and what would be ----------------------------------------------------------------


@main.command()
@click.argument("experiments", nargs=-1)
@click.option("-v", "--verbose", is_flag=True, help="Fresh ones and their files, too.")
@_scale_option
def status(experiments: tuple[str, ...], verbose: bool, scale_name: str) -> None:
    """Say of every artifact whether it is fresh, stale, damaged or missing, and why."""
    from mbdl_repro.pipeline import status

    status.show_status(scale_name, ",".join(experiments) or None, verbose)


@main.command()
@click.argument("experiments", nargs=-1)
@click.option("--cores", type=click.IntRange(min=1), default=1, show_default=True)
@_scale_option
def plan(experiments: tuple[str, ...], cores: int, scale_name: str) -> None:
    """Say what a run would do, and how long that should take."""
    from mbdl_repro.pipeline import status

    status.show_plan(scale_name, ",".join(experiments) or None, cores)


@main.command()
@_scale_option
def adopt(scale_name: str) -> None:
    """Take the results that came with the repository for made, so that nothing runs again."""
    from mbdl_repro.pipeline import status

    status.adopt(scale_name)


@main.command()
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be removed.")
@_scale_option
def prune(dry_run: bool, scale_name: str) -> None:
    """Remove stored fits, scores and data that no experiment needs any more."""
    from mbdl_repro.pipeline import status

    status.prune(scale_name, dry_run)


# Something new ----------------------------------------------------------------------------------


@main.command()
def readme() -> None:
    """Write the parts of the README that tell of experiments and results."""
    from mbdl_repro.reporting import readme

    text = readme.README.read_text(encoding="utf-8")
    write_bytes(readme.README, readme.written(text).encode())


@main.command("new-method")
@click.argument("name")
@click.option("--area", required=True, help="The running example that it belongs to.")
@click.option("--family", "family_name", required=True, help="Its place on the continuum.")
@click.option("--write", is_flag=True, help="Write the file, and not only print it.")
def new_method(name: str, area: str, family_name: str, write: bool) -> None:
    """Begin a method: print, or write, a file to fill in."""
    _areas(area)
    families = {f.name.lower(): f for f in Family if f is not Family.BOUND}
    _stop_unless(family_name, families, "family")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} cannot name a method; allowed: lower-case letters, digits and underscores, "
            "beginning with a letter"
        )
    if name in _infos(area):
        raise UserError(f"{area} has a method, metric or bound {name!r} already: choose a new name")
    text = _skeleton(name, area, families[family_name])
    if not write:
        click.echo(text, nl=False)
        return
    path = Path("mbdl_repro", "areas", area, "methods", f"{name}.py")
    if path.exists() or not path.parent.is_dir():
        reason = "it is there already" if path.exists() else f"there is no folder {path.parent}"
        raise UserError(f"cannot write {path}: {reason}")
    experiments = experiment_file.load_all(experiment_file.load_scale("full")).values()
    experiment = next((e.name for e in experiments if e.area == area), "EXPERIMENT")
    write_bytes(path, text.encode())
    click.echo(
        f"wrote {path}: write its rule and its docstring. Then\n"
        f"  1. add it to an experiment, under methods in workflow/experiments/{experiment}.yaml:\n"
        f"       {name}: {{}}\n"
        f"  2. try it:\n"
        f"       snakemake --cores all --config experiments={experiment} scale=smoke"
    )


def _skeleton(name: str, area: str, family: Family) -> str:
    first, *others = catalogue.scenarios(area).values()
    belief = next(cls for cls in first.__mro__ if all(issubclass(kind, cls) for kind in others))
    words = name.split("_")
    learned = family.learns
    imports = [
        f"from {belief.__module__} import {belief.__name__}",
        "from mbdl_repro.contract.method import Family, Method",
    ]
    template = (catalogue.PACKAGE / "reporting/templates/method.py.txt").read_text(encoding="utf-8")
    return template.format(
        title=" ".join(words).capitalize(),
        class_name="".join(word.capitalize() for word in words),
        imports="\n".join(sorted(imports)),
        belief=belief.__name__,
        family=family.name,
        torch="import torch\n" if learned else "",
        nn=", nn" if learned else "",
        setting="start" if learned else "gain",
        meaning="what c is before it is learned" if learned else "c",
        statement="self.c = nn.Parameter(torch.tensor(start, dtype=torch.float64))"
        if learned
        else "self.gain = gain",
    )


# Output -----------------------------------------------------------------------------------------


def _deliver(
    frame: pd.DataFrame, head: list[str], rows: list[list[str]], form: str, output: Path | None
) -> None:
    """Print a table in the format asked for, or write it to a file."""
    if form == "csv":
        text = table_to_bytes(frame).decode()
    elif form == "markdown":
        text = readable.as_markdown(head, rows)
    elif form == "latex":
        text = readable.as_latex(head, rows)
    else:
        text = readable.as_text(head, rows)
    _write(text, output)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        _show(text)
    else:
        write_bytes(output, click.unstyle(text).encode())
        click.echo(f"wrote {output}", err=True)


def _bold(text: str) -> str:
    return click.style(text, bold=True)


def _show(text: str) -> None:
    click.echo(text, nl=False)


if __name__ == "__main__":
    main()
