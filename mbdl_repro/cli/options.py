"""Arguments and options that several commands have, and how a shell completes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from mbdl_repro.cli.commands import PACKAGE, stop_outside_root
from mbdl_repro.errors import UserError, meant, named
from mbdl_repro.experiments import names as file_names

FORMATS = ("text", "csv", "markdown", "latex")


class Suggested(click.ParamType):  # type: ignore[type-arg]
    """A name that a command looks up by itself; a shell completes it from these.

    Args:
        kind: what it names.
        names: returns what there may be.
    """

    def __init__(self, kind: str, names: Callable[[], Iterable[str]]) -> None:
        self.name = kind
        self.names = names

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin so.

        Args:
            ctx: click's state of this call.
            param: the argument or option.
            incomplete: what is typed so far.
        """
        begun = incomplete.casefold()
        return [CompletionItem(name) for name in self.names() if name.casefold().startswith(begun)]


class Known(Suggested):
    """A name, one of those that there are: in any capitals, or its beginning, or a word of it.

    Args:
        kind: what it names, as messages call it: ``experiment``.
        names: returns those that there are.
        listed_by: a command that lists them, which a message names in place of a long list.
        anywhere: whether they are the same in any folder.
    """

    def __init__(
        self,
        kind: str,
        names: Callable[[], Iterable[str]],
        listed_by: str | None = None,
        anywhere: bool = False,
    ) -> None:
        super().__init__(kind, names)
        self.listed_by = listed_by
        self.anywhere = anywhere

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name that was meant.

        Args:
            value: what was typed for it.
            param: the argument or option.
            ctx: click's state of this call.

        Raises:
            ClickException: there is none, or several; the message says which are near.
        """
        try:
            if not self.anywhere:
                stop_outside_root()
            return named(value, self.names(), self.name, self.listed_by)
        except UserError as error:
            raise click.ClickException(str(error)) from None


# What there is, as cheap as can be: a shell asks at each press of the key -------------------------


def experiments() -> list[str]:
    """Return the names of all experiments."""
    return file_names.experiments(file_names.EXPERIMENTS)


def comparisons() -> list[str]:
    """Return the names of all comparisons."""
    return file_names.comparisons(file_names.COMPARISONS)


def scales() -> list[str]:
    """Return the names of all scales."""
    return file_names.scales(file_names.SCALES)


def experiments_and_comparisons() -> list[str]:
    """Return the names of all experiments and comparisons."""
    return [*experiments(), *comparisons()]


def areas() -> list[str]:
    """Return the names of the running examples: the folders that hold methods."""
    return sorted(path.parts[-3] for path in PACKAGE.glob("areas/*/methods/__init__.py"))


def devices() -> tuple[str, ...]:
    """Return the kinds of device that there may be."""
    from mbdl_repro.pipeline.caches import DEVICES

    return DEVICES


def families() -> list[str]:
    """Return the names of the families of methods, along the continuum."""
    from mbdl_repro.contract.family import Family

    return [family.name.lower() for family in Family if family is not Family.BOUND]


def methods() -> list[str]:
    """Return the names of all methods: those of their files."""
    found = {path.stem for path in PACKAGE.glob("areas/*/methods/[!_]*.py")}
    return sorted(found)


def measures() -> list[str]:
    """Return the names of all metrics and bounds: the functions that are marked as such."""
    marked = re.compile(r"^@(?:metric|bound)\b.*?^def (\w+)", re.M | re.S)
    files = [*PACKAGE.glob("areas/*/metrics.py"), *PACKAGE.glob("areas/*/bounds.py")]
    return sorted({name for file in files for name in marked.findall(file.read_text("utf-8"))})


class OneExperiment(Known):
    """An experiment, where a comparison is no answer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the experiment's name; who names a comparison is told what it is."""
        compared = meant(value, comparisons())
        if compared and not meant(value, experiments()):
            raise click.ClickException(
                f"{compared} is a comparison, and this is for experiments; "
                f"`mbdl show {compared}` tells of it, and where its figure lies"
            )
        return super().convert(value, param, ctx)


# Arguments and options --------------------------------------------------------------------------

EXPERIMENT = OneExperiment("experiment", experiments, "mbdl examples")
EITHER = Known("experiment or comparison", experiments_and_comparisons, "mbdl examples")
AREA = Known("area", areas)
FAMILY = Known("family", families)
METRIC = Suggested("metric", measures)
METHOD = Suggested("method", methods)
DESCRIBED = Suggested("name", lambda: sorted({*methods(), *measures()}))


def scale_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--scale``, as its argument ``scale_name``."""
    return click.option(
        "--scale",
        "scale_name",
        type=Known("scale", scales),
        default="full",
        show_default=True,
        help="How much is run: full, draft, smoke, or another file of workflow/scales.",
    )(command)


def device_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--device``, as its argument ``device_name``."""
    return click.option(
        "--device",
        "device_name",
        type=Known("device", devices),
        default="cpu",
        show_default=True,
        help="Where a run computes: cpu or cuda.",
    )(command)


def json_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--json``, as its argument ``in_json``."""
    return click.option("--json", "in_json", is_flag=True, help="Print JSON.")(command)


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--format`` (``form``), ``--json`` (``in_json``) and ``--output``."""
    form = click.option(
        "--format",
        "form",
        type=Known("format", lambda: FORMATS),
        default="text",
        show_default=True,
        help=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}.",
    )
    output = click.option("--output", type=click.Path(path_type=Path), help="Write to this file.")
    return form(json_option(output(command)))
