"""Arguments of the Python face, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mbdl_repro.errors import one_of


def stop_unless_known(argument: str, names: Sequence[str], known: Iterable[str]) -> None:
    """Refuse a list of names in which one is not known.

    Args:
        argument: that they are given for.
        names: what was given.
        known: the names that there are.

    Raises:
        ValueError: which name, and which are near.
    """
    known = list(known)
    if isinstance(names, str):
        raise ValueError(f"{argument} is a text, {names!r}: it should be a list of names")
    for name in names:
        if name not in known:
            raise ValueError(f"{argument}: no {name!r}; {one_of(name, known)}")


def sizes_of(n_train: int | Sequence[int]) -> tuple[int, ...]:
    """Return sizes of the training set, each once, in the order that they are given in.

    Args:
        n_train: one, or several.

    Raises:
        ValueError: something else was given.
    """
    given = [n_train] if isinstance(n_train, int) else n_train
    if isinstance(given, str) or not isinstance(given, Iterable) or not list(given):
        raise ValueError(
            f"n_train is {n_train!r}: it should be a whole number, 1 or more, or a list of them"
        )
    for n in given:
        stop_unless_positive("n_train", n)
    return tuple(dict.fromkeys(given))


def stop_unless_positive(argument: str, n: int) -> None:
    """Refuse what is no whole number, or less than 1.

    Args:
        argument: that it is given for.
        n: what was given.

    Raises:
        ValueError: it is not allowed.
    """
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"{argument} is {n!r}: it should be a whole number, 1 or more")
