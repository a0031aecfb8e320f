"""The command that teaches a shell the commands, and names of experiments and methods."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import Known
from mbdl_repro.cli.shared import put

SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    anywhere=True,
    examples=("mbdl completion bash",),
)
@click.argument(
    "shell", metavar="bash|zsh|fish", type=Known("shell", lambda: SHELLS, anywhere=True)
)
def completion(shell: str) -> None:
    """Print the script that makes the Tab key complete commands and names.

    To turn it on, put the line of your shell at the end of its file, and open a new terminal:

    \b
      ~/.bashrc                   eval "$(mbdl completion bash)"
      ~/.zshrc                    eval "$(mbdl completion zsh)"
      ~/.config/fish/config.fish  mbdl completion fish | source

    It works where mbdl does: in the activated environment, in the project's root folder.
    """  # noqa: D301  (click leaves the lines after this mark as they are)
    from mbdl_repro.cli import main

    kind = get_completion_class(shell)
    assert kind is not None  # click has all three
    put(kind(main, {}, "mbdl", "_MBDL_COMPLETE").source() + "\n")
