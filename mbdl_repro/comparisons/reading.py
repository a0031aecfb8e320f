"""Comparison files: read, and validated to the last key."""

from __future__ import annotations

import dataclasses
import importlib
from functools import cache
from pathlib import Path
from typing import Any

from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.schema import ClaimFrame, Frame
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments import names as file_names
from mbdl_repro.experiments.claims import OURS
from mbdl_repro.experiments.messages import Problems
from mbdl_repro.experiments.reading import EXPERIMENTS
from mbdl_repro.experiments.schema import Book
from mbdl_repro.experiments.strict_yaml import StrictYaml, Where, beginning
from mbdl_repro.statistics.relations import TOLERANT

COMPARISONS = file_names.COMPARISONS


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A validated comparison."""

    name: str
    path: Path
    book: Book
    kind: str
    spec: KindOfComparison
    caption: str
    claims: tuple[ClaimFrame, ...]
    file: dict[str, Any]
    """The file's whole content, as it was read."""


def names() -> list[str]:
    """Return the names of all comparisons: the files of the folder, in the book's order.

    Raises:
        UserError: if a file seems to be meant for one and is not, or two would share files: of
            comparisons, or of a comparison and an experiment.
    """
    found = file_names.comparisons(COMPARISONS)
    taken = {name.casefold() for name in file_names.experiments(EXPERIMENTS)}
    for name in found:
        if name.casefold() in taken:
            raise UserError(
                f"{COMPARISONS}/{name}.yaml: an experiment has this name: choose another"
            )
    return found


def kinds() -> tuple[str, ...]:
    """Return the kinds of comparison that there are: the files of the folder ``kinds``."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("kinds/[!_]*.py")))


def load_all() -> dict[str, Comparison]:
    """Read all comparisons.

    Returns:
        The comparisons by name.

    Raises:
        UserError: naming every mistake in every file.
    """
    found, problems = {}, []
    for name in names():
        try:
            found[name] = load(name)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return found


def load(name: str) -> Comparison:
    """Read and validate one comparison.

    Args:
        name: its file's name, without the ending.

    Raises:
        UserError: one message with a line for every mistake: file, line, value, what is allowed.
    """
    path = COMPARISONS / f"{name}.yaml"
    if not path.is_file():
        raise UserError(f"no comparison {name!r}; {one_of(name, names())}")
    return _load(path, path.resolve(), path.stat().st_mtime_ns)


@cache
def _load(path: Path, place: Path, changed: int) -> Comparison:
    """Read a file once: a plan asks for it again and again."""
    problems = Problems(StrictYaml(path))
    if (problem := file_names.problem_of(path.stem)) is not None:
        problems.note((), f"{beginning(path.name)!r} names results: {problem}")
    frame = problems.block(Frame, problems.yaml.data, ())
    problems.stop_if_any()
    book = problems.block(Book, frame.book, ("book",))
    problems.name(frame.kind, kinds(), "kind of comparison", ("kind",))
    problems.stop_if_any()
    cls = importlib.import_module(f"{__package__}.kinds.{frame.kind}").Spec
    spec = problems.block(cls, frame.shown, ("shown",))
    claims = [_claim(problems, cls, data, i) for i, data in enumerate(frame.claims)]
    problems.stop_if_any()
    return Comparison(
        name=path.stem,
        path=path,
        book=book,
        kind=frame.kind,
        spec=spec,
        caption=frame.caption,
        claims=tuple(claims),
        file=problems.yaml.data,
    )


def _claim(
    problems: Problems, kind: type[KindOfComparison], data: dict[str, Any], i: int
) -> ClaimFrame:
    """Check a claim: the columns that it names, and keys that go together."""
    where: Where = ("claims", i)
    claim: ClaimFrame | None = problems.block(ClaimFrame, data, where)
    if claim is None:
        return ClaimFrame(says="-", source="-", left={"-": 0}, relation="below", right=0.0)
    if claim.quantity is not None:
        problems.name(claim.quantity, kind.quantities, "quantity", (*where, "quantity"))
    sides = {"left": claim.left, "right": claim.right, "at": claim.at}
    for key, columns in sides.items():
        for column in columns if isinstance(columns, dict) else ():
            problems.name(column, kind.keys, "column", (*where, key, column))
    for key, listed in (("every", claim.every), ("each", claim.each)):
        for j, column in enumerate(listed):
            problems.name(column, kind.keys, "column", (*where, key, j))
    tolerant = claim.relation in TOLERANT
    if tolerant != (claim.tolerance is not None):
        words = "needs a tolerance" if tolerant else "takes no tolerance"
        problems.note((*where, "relation"), f"{claim.relation} {words}")
    if claim.written is None:
        written = "after" if claim.source == OURS else "before"
        claim = claim.model_copy(update={"written": written})
    return claim
