"""The command that begins a method."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import click

from mbdl_repro import catalogue
from mbdl_repro.cli.shared import Command, areas_named, infos_of, show, stop_unless
from mbdl_repro.contract.family import Family
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading
from mbdl_repro.store.files import write_bytes

TEMPLATE = Path(__file__).with_name("method.py.txt")


@click.command("new-method", cls=Command)
@click.argument("name")
@click.option("--area", required=True, help="The running example that it belongs to.")
@click.option("--family", "family_name", required=True, help="Its place on the continuum.")
@click.option("--write", is_flag=True, help="Write the file, and not only print it.")
def new_method(name: str, area: str, family_name: str, write: bool) -> None:
    """Begin a method: print, or write, a file to fill in."""
    areas_named(area)
    families = {f.name.lower(): f for f in Family if f is not Family.BOUND}
    stop_unless(family_name, families, "family")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} cannot name a method; allowed: lower-case letters, digits and underscores, "
            "beginning with a letter"
        )
    if name in infos_of(area):
        raise UserError(f"{area} has a method, metric or bound {name!r} already: choose a new name")
    text = skeleton(name, area, families[family_name])
    if write:
        _write_method(name, area, text)
    else:
        show(text)


def skeleton(name: str, area: str, family: Family) -> str:
    """Return the file of a method that is to be written.

    Args:
        name: of the method and of its file: lower-case words joined by underscores.
        area: the running example that it belongs to.
        family: its place on the continuum; says whether it begins with a trainable tensor.
    """
    first, *others = catalogue.scenarios(area).values()
    belief = next(cls for cls in first.__mro__ if all(issubclass(kind, cls) for kind in others))
    words = name.split("_")
    learned = family.learns
    imports = [
        f"from {belief.__module__} import {belief.__name__}",
        "from mbdl_repro.contract.method import Family, Method",
    ]
    return TEMPLATE.read_text(encoding="utf-8").format(
        name=name,
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


def _write_method(name: str, area: str, text: str) -> None:
    """Write a new method's file, and say what to do with it."""
    path = Path("mbdl_repro", "areas", area, "methods", f"{name}.py")
    if path.exists() or not path.parent.is_dir():
        reason = "it is there already" if path.exists() else f"there is no folder {path.parent}"
        raise UserError(f"cannot write {path}: {reason}")
    experiment = next((n for n in reading.names() if reading.area_of(n) == area), "EXPERIMENT")
    write_bytes(path, text.encode())
    click.echo(
        f"wrote {path}: write its rule and its docstring. Then\n"
        f"  1. add it to an experiment, under methods in workflow/experiments/{experiment}.yaml:\n"
        f"       {name}: {{}}\n"
        f"  2. try it:\n"
        f"       snakemake --cores all --config experiments={experiment} scale=smoke"
    )
