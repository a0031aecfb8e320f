"""The errors that users meet: each is one message that says what, where, and what to do."""

from __future__ import annotations


class UserError(Exception):
    """A mistake or mishap that the user can mend; shown without a stack trace."""


def one_of(value: object, allowed: object) -> str:
    """Return how messages spell what is allowed, with the nearest name first if one is near."""
    from difflib import get_close_matches

    names = sorted(map(str, allowed))  # type: ignore[call-overload]
    near = get_close_matches(str(value), names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}allowed: {', '.join(names) if names else '(none)'}"
