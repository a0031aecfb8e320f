"""The project's folder, from wherever Python runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import EXPERIMENTS


def root() -> Path:
    """Return the project's folder: this one, one above it, or the one that the package lies in.

    Raises:
        UserError: none of them holds experiments.
    """
    here = Path.cwd()
    places = [here, *here.parents, PACKAGE.parent]
    found = next((place for place in places if (place / EXPERIMENTS).is_dir()), None)
    if found is None:
        raise UserError(
            f"no {EXPERIMENTS} in {here} or above it: experiments, and what is kept of them, lie "
            "in a clone of the project; work in its folder"
        )
    return found


@contextlib.contextmanager
def in_root() -> Iterator[None]:
    """Work in the project's folder, in which experiments and results lie, for a while."""
    with contextlib.chdir(root()):
        yield
