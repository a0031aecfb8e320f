"""The errors that users meet: each is one message that says what, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(Exception):
    """Something wrong that the user can mend; shown without a stack trace."""


def near(value: object, names: Iterable[str]) -> str | None:
    """Return the name that is most like this one, if any is like it.

    Args:
        value: what was given for a name; compared as text.
        names: those that there are.
    """
    from difflib import get_close_matches

    return next(iter(get_close_matches(str(value), list(names), n=1)), None)


def one_of(value: object, allowed: Iterable[object]) -> str:
    """Return how messages spell what is allowed, with the nearest name first if one is near.

    Args:
        value: what was given instead; compared as text.
        allowed: the names or values that there are, of one kind.
    """
    names = [str(name) for name in sorted(set(allowed))]  # type: ignore[type-var]
    meant = near(value, names)
    hint = f"did you mean {meant}? " if meant else ""
    return f"{hint}allowed: {', '.join(names) if names else '(none)'}"
