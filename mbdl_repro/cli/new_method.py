"""The command that begins a method."""

from __future__ import annotations

import keyword
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.new_experiment import first_of
from mbdl_repro.cli.options import AREA, FAMILY
from mbdl_repro.cli.shared import infos_of, put
from mbdl_repro.errors import UserError

if TYPE_CHECKING:
    from mbdl_repro.contract.family import Family

HERE = Path(__file__).parent


@click.command(
    cls=Command,
    examples=(
        "mbdl new-method my_ista --area sparse_recovery --family model_based --iterative",
        "mbdl new-method ridge_2 --area linear_estimation --family discriminative_learning",
    ),
)
@click.argument("name")
@click.option("--area", type=AREA, required=True, help="The running example that it belongs to.")
@click.option(
    "--family",
    "family_name",
    type=FAMILY,
    required=True,
    help="Its place on the continuum, such as model_based or unfolded_objective; the file that is "
    "begun lists them all.",
)
@click.option("--iterative", is_flag=True, help="It refines its estimate step by step.")
@click.option("--write", is_flag=True, help="Write the file and its test, and not only print it.")
def new_method(name: str, area: str, family_name: str, iterative: bool, write: bool) -> None:
    """Begin a method: print a file to fill in, or write it with a test.

    With --iterative the file works as it stands: it takes gradient steps, or the like, by an
    update equation that the methods of its area share. If its family learns, it learns the
    sizes of these steps.
    """
    from mbdl_repro.contract.family import Family

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} cannot name a method; allowed: lower-case letters, digits and underscores, "
            "beginning with a letter"
        )
    if name in infos_of(area):
        raise UserError(f"{area} has a method, metric or bound {name!r} already: choose a new name")
    method = skeleton(name, area, Family[family_name.upper()], iterative)
    if write:
        _write(name, area, method, skeleton_of_test(name, area, iterative))
    else:
        put(method)


def skeleton(name: str, area: str, family: Family, iterative: bool = False) -> str:
    """Return the file of a method that is to be written.

    Args:
        name: of the method and of its file: lower-case words joined by underscores.
        area: the running example that it belongs to.
        family: its place on the continuum; says whether it begins with a trainable tensor.
        iterative: whether it yields iterates.

    Raises:
        UserError: nothing is known of the area to begin an iterative method with.
    """
    common = _common(name, area) | {
        "family": family.name,
        "hints": hints(area, family),
        "nn": ", nn" if family.learns else "",
    }
    if not iterative:
        return _filled("method.py.txt", common | _parts(area, family.learns))
    template = f"iterative_{area}.py.txt"
    if not (HERE / template).is_file():
        raise UserError(f"no iterative method can be begun in {area} yet: leave out --iterative")
    steps = "torch.full((iterations,), first, dtype=torch.float64)"
    hold = (
        f"self.log_step = nn.Parameter({steps})"
        if family.learns
        else f'self.register_buffer("log_step", {steps})'
    )
    return _filled(template, common | {"hold": hold})


def hints(area: str, family: Family) -> str:
    """Return comments on what may stand in place of the family, and how a child names its parent.

    Args:
        area: the running example, whose methods are the examples.
        family: that the method begins with.
    """
    from mbdl_repro import catalogue
    from mbdl_repro.cli.options import families

    others = [word.upper() for word in families() if word.upper() != family.name]
    lines = _comment(f"Other families: {', '.join(others)}.")
    infos = catalogue.methods(area)
    children = [info for info in infos.values() if info.parent]
    if family.learns and children:
        child = next((info for info in children if info.family is family), children[0])
        lines += _comment(
            "A child of a method that there is, which it equals before it is fitted, says whose it "
            f"is in the next line (as {child.class_name} does), and derives in the class line "
            "from what that one derives from:"
        )
        lines.append(f'    # parent = "{child.parent}"')
    return "\n".join(lines)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="    # ", subsequent_indent="    # ")


def skeleton_of_test(name: str, area: str, iterative: bool = False) -> str:
    """Return the file of a new method's test, which passes as it stands.

    Args:
        name: of the method.
        area: the running example that it belongs to.
        iterative: whether it yields iterates.
    """
    template = "iterative_test.py.txt" if iterative else "method_test.py.txt"
    # Receivers that iterate are begun on a linear channel, one of that area's systems.
    mixed = iterative and area == "receivers"
    instances, truth = ("MIXED", "MIXED") if mixed else ("SMALL", f'SMALL["{area}"]')
    return _filled(template, _common(name, area) | {"instances": instances, "truth": truth})


def _common(name: str, area: str) -> dict[str, str]:
    words = name.split("_")
    return {
        "name": name,
        "area": area,
        "title": " ".join(words).capitalize(),
        "class_name": "".join(word.capitalize() for word in words),
    }


def _filled(template: str, words: dict[str, str]) -> str:
    return (HERE / template).read_text(encoding="utf-8").format(**words)


def _parts(area: str, learns: bool) -> dict[str, str]:
    """Return what a rule that is still to be written begins with: its belief, and one number."""
    from mbdl_repro import catalogue

    kinds, usual = catalogue.scenarios(area), catalogue.usual_scenario(area)
    first, *others = kinds.values() if usual is None else [kinds[usual]]
    belief = next(cls for cls in first.__mro__ if all(issubclass(kind, cls) for kind in others))
    imports = [
        f"from {belief.__module__} import {belief.__name__}",
        "from mbdl_repro.contract.method import Family, Method",
    ]
    parts = {"imports": "\n".join(sorted(imports)), "belief": belief.__name__}
    if learns:
        made = "self.c = nn.Parameter(torch.tensor(start, dtype=torch.float64))"
        meaning = "what c is before it is learned"
        return parts | {
            "torch": "import torch\n",
            "setting": "start",
            "meaning": meaning,
            "statement": made,
        }
    return parts | {
        "torch": "",
        "setting": "gain",
        "meaning": "c",
        "statement": "self.gain = gain",
    }


def _write(name: str, area: str, method: str, test: str) -> None:
    """Write a new method's files, and say what to do with them."""
    from mbdl_repro.store.files import write_bytes

    folder = Path("mbdl_repro", "areas", area, "methods")
    path = folder / f"{name}.py"
    its_test = Path("tests", "areas", area, "methods", f"test_{name}.py")
    if not folder.is_dir():
        raise UserError(f"cannot write {path}: there is no folder {folder}")
    for file in (path, its_test):
        if file.exists():
            raise UserError(f"cannot write {file}: it is there already")
    write_bytes(path, method.encode())
    write_bytes(its_test, test.encode())
    experiment = first_of(area) or "EXPERIMENT"
    click.echo(
        f"wrote {path}: write its rule and its docstring\n"
        f"wrote {its_test}: write what it is held to\n"
        f"Then\n"
        f"  1. test it:\n"
        f"       python3 run.py test {its_test}\n"
        f"       python3 run.py test tests/contract -k {name}\n"
        f"  2. add it to an experiment, under methods in workflow/experiments/{experiment}.yaml:\n"
        f"       {name}: {{}}\n"
        f"  3. try it, small:\n"
        f"       mbdl run {experiment} --methods {name} --scale smoke"
    )
