"""Unknown fields of scenarios, settings of methods and keys of recipes, named with those near."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from mbdl_repro.contract.settings import Checked, expectation
from mbdl_repro.errors import one_of
from mbdl_repro.learning import recipe


def with_names(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return what builds an instance, with a message that names an unknown keyword.

    Args:
        call: builds an instance of a class that checks what it is built from.
    """

    @functools.wraps(call)
    def named(cls: type, *args: Any, **given: Any) -> Any:
        try:
            return call(cls, *args, **given)
        except TypeError:
            allowed = list(inspect.signature(cls).parameters)
            unknown = [name for name in given if name not in allowed]
            if not unknown:
                raise
            # A TypeError, as of every function that is given a keyword that it has not.
            raise TypeError(
                f"{cls.__name__} has no {unknown[0]!r}; {one_of(unknown[0], allowed)}"
            ) from None

    return named


# Here, where people meet it, and not in the class itself: every kept fit stands on its code.
Checked.__call__ = with_names(Checked.__call__)  # type: ignore[method-assign]


class Recipe(recipe.Recipe):
    """Settings of gradient descent; the weights with the least validation loss are kept.

    Args:
        given: its keys, of which none is needed.

    Raises:
        ValueError: a key that it has not, or a value that is not allowed, and what is.
    """

    def __init__(self, **given: Any) -> None:
        for name in given:
            if name not in type(self).model_fields:
                raise ValueError(f"Recipe has no {name!r}; {one_of(name, type(self).model_fields)}")
        try:
            super().__init__(**given)
        except ValidationError as error:
            detail = error.errors()[0]
            if not detail["loc"]:  # of keys that do not go together
                raise ValueError(f"Recipe: {detail['ctx']['error']}") from None
            raise ValueError(
                f"Recipe: {detail['loc'][0]} is {detail['input']!r}: {expectation(detail)}"
            ) from None
