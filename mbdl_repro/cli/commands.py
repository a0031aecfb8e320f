"""What every command is: where it runs, its examples, and how it tells a mistake."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mbdl_repro.errors import UserError, meant, one_of
from mbdl_repro.experiments.names import EXPERIMENTS

SELDOM = 50_000
"""New objects between two looks for what can be freed: what a command reads stays to its end."""

PACKAGE = Path(__file__).parents[1]


class Command(click.Command):
    """A command that runs in the project's root, and tells a mistake in one message.

    Args:
        args: what click is given, without names.
        examples: lines that its help ends with, each as it is typed, perhaps with a remark
            behind two spaces and ``#``.
        keys: of what it prints with ``--json``, in words; its help says so.
        anywhere: whether it runs in any folder.
        more: what click is given.
    """

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        keys: str = "",
        anywhere: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self.examples = tuple(examples)
        self.keys = keys
        self.anywhere = anywhere

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what JSON holds, and the examples.

        Args:
            ctx: click's state of this call.
            formatter: that takes the lines.
        """
        if self.keys:
            with formatter.section("With --json"):
                formatter.write_text(self.keys)
        write_examples(self.examples, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            if not self.anywhere:
                stop_outside_root()
            found = super().invoke(ctx)
            sys.stdout.flush()  # so that a reader who has gone, as after `| head`, is met here
            return found
        except UserError as error:
            raise click.ClickException(str(error)) from None


class Commands(click.Group):
    """All commands, each read from its file when it is needed.

    Args:
        args: what click is given, without names.
        parts: headings of the help, and under each the commands by name, with the module of this
            package that each stands in.
        examples: lines that the help ends with.
        more: what click is given.
    """

    def __init__(
        self,
        *args: Any,
        parts: dict[str, dict[str, str]] | None = None,
        examples: Sequence[str] = (),
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self.parts = parts or {}
        self.examples = tuple(examples)
        self.modules = {name: where for part in self.parts.values() for name, where in part.items()}

    def main(self, *args: Any, **more: Any) -> Any:
        """Run what was typed; to look for what can be freed at the usual rate takes a tenth of it.

        Args:
            args: what click is given.
            more: what click is given, by name.
        """
        usual = gc.get_threshold()
        gc.set_threshold(SELDOM)
        try:
            return super().main(*args, **more)
        finally:
            gc.set_threshold(*usual)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name; None if there is none.

        Args:
            ctx: click's state of this call.
            cmd_name: the name, whole.
        """
        if cmd_name not in self.modules:
            return None
        module = importlib.import_module(f"{__package__}.{self.modules[cmd_name]}")
        return getattr(module, cmd_name.replace("-", "_"))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command by its name.

        Args:
            ctx: click's state of this call.
            args: what was typed: the name, and what follows it.

        Raises:
            UsageError: no command has this name; the message says which is near.
        """
        given, *others = args
        name = meant(given, self.modules)
        if name is None:
            raise click.UsageError(f"no command {given!r}; {one_of(given, self.modules)}", ctx)
        return super().resolve_command(ctx, [name, *others])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, under their headings.

        Args:
            ctx: click's state of this call.
            formatter: that takes the lines.
        """
        width = formatter.width - 6 - max(map(len, self.modules))
        for heading, names in self.parts.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(
                    [(name, one.get_short_help_str(width)) for name, one in found if one]
                )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples.

        Args:
            ctx: click's state of this call.
            formatter: that takes the lines.
        """
        write_examples(self.examples, formatter)


def write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    """Write examples as the last part of a help.

    Args:
        examples: lines, as they are typed.
        formatter: that takes them.
    """
    if examples:
        with formatter.section("Examples"):
            formatter.write("".join(f"  {line}\n" for line in examples))


def stop_outside_root() -> None:
    """Refuse to run anywhere but in the project's root folder."""
    if EXPERIMENTS.is_dir():
        return
    places = [
        *Path.cwd().parents,
        PACKAGE.parent,
    ]  # the last, where mbdl was installed from a clone
    root = next((place for place in places if (place / EXPERIMENTS).is_dir()), None)
    raise UserError(
        f"this folder has no {EXPERIMENTS}: experiments, and what is kept of them, lie in a clone "
        "of the project. Run mbdl in the project's root folder"
        + (f", {root}" if root else ", the one that holds the Snakefile")
    )
