"""YAML that refuses duplicate keys and remembers the line of every value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mbdl_repro.errors import UserError

Where = tuple[str | int, ...]


class StrictYaml:
    """The content of a YAML file, and where in the file each part of it stands.

    Attributes:
        path: the file.
        data: the mapping that it holds.
        lines: line number, from 1, of each key path such as ``("methods", "lista", "rho")``.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            UserError: if it is missing, is not YAML, repeats a key, or is not a mapping.
        """
        self.path = path
        self.lines: dict[Where, int] = {(): 1}
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read: {error}") from None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise UserError(f"{path}:{line}: not valid YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not valid YAML: {error}") from None
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{path}:1: expected a mapping of keys to values, found none")
        self.data: dict[str, Any] = self._value(node, ())

    def line(self, where: Where) -> int:
        """Return the line of this key path, or of its nearest ancestor that has one."""
        while where not in self.lines:
            where = where[:-1]
        return self.lines[where]

    def error(self, where: Where, message: str) -> str:
        """Return the message with file, line and key path in front."""
        name = ".".join(map(str, where))
        return f"{self.path}:{self.line(where)}: {name + ': ' if name else ''}{message}"

    def _value(self, node: yaml.Node, where: Where) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for i, child in enumerate(node.value):
                self.lines[(*where, i)] = child.start_mark.line + 1
                items.append(self._value(child, (*where, i)))
            return items
        constructor = yaml.constructor.SafeConstructor()
        try:
            return constructor.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            raise UserError(self.error(where, f"cannot be read: {error}")) from None

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TEXT:
                raise UserError(
                    f"{self.path}:{line}: a key must be text; {key!r} is not (quote it)"
                )
            inner = (*where, key)
            if key in mapping:
                raise UserError(
                    f"{self.path}:{line}: duplicate key {key!r}: it stands already on "
                    f"line {self.lines[inner]}; keep one of the two"
                )
            self.lines[inner] = line
            mapping[key] = self._value(value_node, inner)
        return mapping


_TEXT = "tag:yaml.org,2002:str"
