"""Mistakes in a file, collected: each is one message with line, value and what is allowed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mbdl_repro.contract.settings import adapter, expectation
from mbdl_repro.contract.table import same
from mbdl_repro.errors import UserError, near, one_of
from mbdl_repro.experiments import limits
from mbdl_repro.experiments.strict_yaml import StrictYaml, Where, beginning


class Problems:
    """The mistakes found in a file so far, each once.

    Attributes:
        yaml: the file, which knows the line of each key path.
    """

    def __init__(self, yaml: StrictYaml) -> None:
        self.yaml = yaml
        self._messages: dict[str, None] = {}

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._messages)

    def note(self, where: Where, message: str) -> None:
        """Note a mistake.

        Args:
            where: key path of what is wrong.
            message: what is wrong with it, and what is allowed.
        """
        message = message.replace("\n", " ")
        if len(message) > limits.MESSAGE:  # the cure stands at the end
            message = f"{message[: limits.MESSAGE - 200]} ... {message[-190:]}"
        self._messages[self.yaml.error(where, message)] = None

    def stop_if_any(self) -> None:
        """Stop where going on would ask for what is wrong.

        Raises:
            UserError: with a line for each mistake.
        """
        if self:
            told = list(self._messages)[: limits.MESSAGES]
            if (more := len(self._messages) - len(told)) > 0:
                told.append(f"{self.yaml.path}: and {more} more mistakes")
            raise UserError("\n".join(told))

    def block(
        self, model: type[BaseModel], data: Any, where: Where, also: Iterable[str] = ()
    ) -> Any:
        """Validate one block; if there are mistakes, they are noted and None is returned.

        Args:
            model: its keys and their types.
            data: what the file holds there.
            where: its key path.
            also: keys that messages name, besides the model's, as allowed.
        """
        try:
            # As JSON, since there a list may stand for a tuple even where types are strict.
            return model.model_validate_json(json.dumps(data))
        except ValidationError as error:
            for detail in error.errors():
                inner = (*where, *detail["loc"])
                if detail["type"] == "extra_forbidden":
                    self.name(inner[-1], [*model.model_fields, *also], "key", inner)
                elif detail["type"] == "missing":
                    self.missing(inner[-1], data, model.model_fields, where)
                else:
                    self.note(inner, _expectation(detail))
            return None

    def value(self, kind: Any, value: Any, where: Where) -> Any:
        """Check a value, and return it as this type has it: 1 is the same number as 1.0.

        Args:
            kind: the type, with its constraints.
            value: what the file holds.
            where: its key path.

        Returns:
            The value; None if there are mistakes in it, which are noted.
        """
        try:
            return adapter(kind).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            details = error.errors()
            if any(_inside(value, detail["loc"]) != detail["loc"] for detail in details):
                del details[1:]  # of several types that are allowed, the first one speaks
            for detail in details:
                self.note((*where, *_inside(value, detail["loc"])), _expectation(detail))
            return None

    def missing(self, key: Any, given: Iterable[str], known: Iterable[str], where: Where) -> None:
        """Note a missing key, unless an unknown one was meant to be it: that is noted already.

        Args:
            key: the key that is missing.
            given: the keys that there are.
            known: the keys that there may be.
            where: key path of their block.
        """
        if near(key, set(given) - set(known)) is None:
            self.note(where, f"key {key!r} is missing; {one_of('', known)}")

    def name(self, value: Any, allowed: Iterable[str], kind: str, where: Where) -> bool:
        """Note a name that is not among those allowed, and return whether it is.

        Args:
            value: the name.
            allowed: the names that there are.
            kind: what messages call such a thing, for example ``method``.
            where: key path of the name.
        """
        allowed = list(allowed)
        if value in allowed:
            return True
        near_to = beginning(value) if isinstance(value, str) else value
        self.note(where, f"unknown {kind} {shown(value)}; {one_of(near_to, allowed)}")
        return False

    def no_repeats(
        self, values: Sequence[Any], places: Sequence[Where], kind: str = "value"
    ) -> None:
        """Note a value that stands a second time in a list where each has one meaning.

        Args:
            values: the values.
            places: key path of each.
            kind: what messages call such a thing.
        """
        for i, (value, where) in enumerate(zip(values, places, strict=True)):
            if any(same(value, other) for other in values[:i]):
                self.note(where, f"{kind} {shown(value)} stands twice; each may stand once")


def _inside(value: Any, steps: tuple[int | str, ...]) -> Where:
    """Return how far steps lead into a value: one may also name a type, of several allowed."""
    for i, step in enumerate(steps):
        try:
            value = value[step]
        except (IndexError, KeyError, TypeError):
            return steps[:i]
    return steps


def _expectation(detail: Any) -> str:
    """Return what was given and what is expected, with the cure for YAML's traps."""
    kind, value = detail["type"], detail["input"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    return f"{shown(value)}: {expectation(detail)}{cure(kind, value)}"


def cure(kind: str, value: object) -> str:
    """Return what to write instead of what YAML takes for something else; often nothing.

    Args:
        kind: the mistake, as pydantic calls it, for example ``float_type``.
        value: what YAML read.
    """
    if kind in ("float_type", "int_type") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        if math.isfinite(number):
            whole = kind == "int_type" and number.is_integer()
            text = str(int(number)) if whole else _yaml_number(number)
            return f" (YAML reads {value} as text; write {text})"
    if kind == "string_type" and isinstance(value, bool):
        return " (YAML reads yes, no, on and off as true and false; quote them)"
    if kind == "string_type" and isinstance(value, int | float):
        return " (quote it)"
    if kind == "dict_type" and value is None:
        return " (write {} for none)"
    return ""


def shown(value: object) -> str:
    """Return a value as it stands in the file, or its beginning if it is long."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _yaml_number(number: float) -> str:
    """Return a number as YAML 1.1 reads it: with a point before the exponent, and its sign."""
    text = repr(number)
    if "e" in text:
        mantissa, exponent = text.split("e")
        mantissa += "" if "." in mantissa else ".0"
        exponent = exponent if exponent[0] in "+-" else f"+{exponent}"
        return f"{mantissa}e{exponent}"
    return text
