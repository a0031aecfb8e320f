"""The errors that users meet: each is one message that says what, where, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable

ALIKE, ALIKE_PART = 0.6, 0.75
"""Share of letters that a name, or a word of it, has in common with what is like it."""

SHORT = 30
"""Names that a message lists in full, where a command lists them all."""


class UserError(Exception):
    """Something wrong that the user can mend; shown without a stack trace."""


def near(value: object, names: Iterable[str]) -> str | None:
    """Return the name that is most like this one, if any is like it.

    Args:
        value: what was given for a name; compared as text.
        names: those that there are.
    """
    return next(iter(nearest(value, names)), None)


def nearest(value: object, names: Iterable[str], most: int = 3) -> list[str]:
    """Return the names that are most like this one, the nearest first; none that is unlike it.

    Capitals do not count, nor zeros before a number; a part of a name counts as much as the whole.

    Args:
        value: what was given for a name; compared as text.
        names: those that there are.
        most: how many are returned at most.
    """
    from difflib import SequenceMatcher

    given = _plain(str(value))
    likeness: dict[str, float] = {}
    matcher = SequenceMatcher(b=given)
    for name in dict.fromkeys(names) if given else ():
        whole = _plain(name)
        parts = {part: ALIKE_PART for part in _parts(name) if len(part) > 2}
        found = [0.8] if given in whole and len(given) > 1 else []
        for text, least in (parts | {whole: ALIKE}).items():
            matcher.set_seq1(text)
            if matcher.quick_ratio() >= least and (ratio := matcher.ratio()) >= least:
                found.append(ratio)
        if found:
            likeness[name] = max(found)
    return sorted(likeness, key=lambda name: (-likeness[name], len(name)))[:most]


def meant(value: object, names: Iterable[str]) -> str | None:
    """Return the one name that was meant, or None if there is none, or several might be.

    It may be given in other capitals, without a number's leading zeros, by its beginning, or by a
    word of it.

    Args:
        value: what was given for a name; compared as text.
        names: those that there are.
    """
    text, names = str(value), list(names)
    if text in names:
        return text
    begun = [name for name in names if re.match(rf"{re.escape(text)}(?![^\W_])", name, re.I)]
    if text and len(begun) == 1:
        return begun[0]
    given = _plain(text)
    if not given:
        return None
    tries = (
        lambda name: name == given,
        lambda name: name.startswith(given) and not name[len(given)].isalnum(),
        lambda name: name.startswith(given) and not (given[-1] + name[len(given)]).isdigit(),
        lambda name: given in _parts(name),
    )
    for fits in tries:
        found = [name for name in names if fits(_plain(name))]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def named(value: object, allowed: Iterable[str], kind: str, listed_by: str | None = None) -> str:
    """Return the name that was meant, of those that there are.

    Args:
        value: what was given for a name: see :func:`meant`.
        allowed: the names that there are.
        kind: what they name, as the message calls it: ``metric``.
        listed_by: a command that lists them, which the message names in place of a long list.

    Raises:
        UserError: there is none, or it might be one of several; the message says which are near.
    """
    allowed = list(allowed)
    found = meant(value, allowed)
    if found is None:
        raise UserError(f"no {kind} {str(value)!r}; {one_of(value, allowed, listed_by)}")
    return found


def one_of(value: object, allowed: Iterable[object], listed_by: str | None = None) -> str:
    """Return how messages spell what is allowed, with the nearest names first if any are near.

    Args:
        value: what was given instead; compared as text.
        allowed: the names or values that there are, of one kind.
        listed_by: a command that lists them, which a message names in place of a long list.
    """
    names = [str(name) for name in sorted(set(allowed))]  # type: ignore[type-var]
    like = nearest(value, names)
    words = " or ".join(filter(None, [", ".join(like[:-1]), *like[-1:]]))
    hint = f"did you mean {words}? " if like else ""
    if listed_by and len(names) > SHORT:
        return f"{hint}`{listed_by}` lists them"
    return f"{hint}allowed: {', '.join(names) if names else '(none)'}"


def _plain(name: str) -> str:
    """Return a name in lower case, without zeros before its numbers."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", name.strip().casefold())


def _parts(name: str) -> list[str]:
    """Return the words and numbers that a name is made of."""
    return re.split(r"[_\s-]|(?<=\D)\.|\.(?=\D)", _plain(name))
