"""YAML that refuses duplicate keys and remembers the line of every value."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from mbdl_repro.errors import UserError

try:
    from yaml.cyaml import CParser
except ImportError:  # PyYAML without libyaml: slower, and the same
    CParser = object

LONGEST_FILE = 1_000_000
"""Bytes that a file may have: forty times those of the longest experiment."""

MOST_VALUES = 50_000
"""Values that a file may hold, those counted again that an alias repeats."""

LONGEST_NUMBER = 40
"""Characters of a number."""

LARGEST_INTEGER = 10**15
"""A whole number, up to which floating point tells each from the next."""

Where = tuple[str | int, ...]
"""Key path of a value, such as ``("methods", "lista", "rho")``."""


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
        self._n_values = 0
        text = _text(path)
        try:
            node = _composed(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            words = ", ".join(filter(None, [error.context, error.problem]))
            cure = "see to the indentation, brackets and quotes here"
            raise UserError(f"{path}:{line}: not valid YAML: {words}: {cure}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise UserError(f"{path}:{line}: not valid YAML: {error.reason}") from None
        except RecursionError:
            raise UserError(f"{path}: not valid YAML: nested too deep") from None
        if not isinstance(node, yaml.MappingNode):
            found = f"a {node.id}" if node else "nothing"
            raise UserError(f"{path}:1: should be a mapping of keys to values; found {found}")
        self.data: dict[str, Any] = self._mapping(node, ())

    def line(self, where: Where) -> int:
        """Return the line of this key path, or of its nearest ancestor that has one."""
        while where not in self.lines:
            where = where[:-1]
        return self.lines[where]

    def error(self, where: Where, message: str) -> str:
        """Return a message with file, line and key path in front.

        Args:
            where: the key path.
            message: what is wrong there.
        """
        name = ".".join(beginning(str(step)) for step in where)
        return f"{self.path}:{self.line(where)}: {name + ': ' if name else ''}{message}"

    def _value(self, node: yaml.Node, where: Where) -> Any:
        self._n_values += 1
        if self._n_values > MOST_VALUES:
            message = f"more than {MOST_VALUES} values: do aliases (*name) repeat each other?"
            raise UserError(self.error(where[:1], message))
        if len(where) > _DEEPEST:
            message = "nested too deep: is there an alias (*name) inside what it names?"
            raise UserError(self.error(where[:3], message))
        kind = node.tag.removeprefix(_YAML)
        if kind not in _PLAIN:
            shown = (
                f"{beginning(node.value)} is" if isinstance(node, yaml.ScalarNode) else "this is"
            )
            message = f"{shown} a YAML {kind}, which is not used here: quote it if it is text"
            raise UserError(self.error(where, message))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for i, child in enumerate(node.value):
                self.lines[(*where, i)] = child.start_mark.line + 1
                items.append(self._value(child, (*where, i)))
            return items
        if kind == "str":
            return node.value
        text = beginning(node.value)
        if len(node.value) > LONGEST_NUMBER:
            message = f"{text}: a number of {len(node.value)} characters; allowed: {LONGEST_NUMBER}"
            raise UserError(self.error(where, message))
        try:
            value = _CONSTRUCTOR.construct_document(node)
        except (KeyError, ValueError, OverflowError):
            raise UserError(self.error(where, f"{text!r} is not a YAML {kind}")) from None
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            message = f"{text}: too large a whole number; allowed: up to {LARGEST_INTEGER:.0e}"
            raise UserError(self.error(where, message))
        if kind in ("int", "float") and re.match(r"[-+]?0\d|.*:", node.value):
            message = f"YAML reads {node.value} as {value}: write {value}, or quote it"
            raise UserError(self.error(where, message))
        return value

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            line = key_node.start_mark.line + 1
            kind = key_node.tag.removeprefix(_YAML)
            if not isinstance(key_node, yaml.ScalarNode) or kind != "str":
                shown = f" {beginning(key)!r}" if isinstance(key, str) else ""
                raise UserError(
                    f"{self.path}:{line}: a key must be text; YAML reads the key{shown} as {kind}: "
                    "quote it"
                )
            inner = (*where, key)
            if key in mapping:
                raise UserError(
                    f"{self.path}:{line}: duplicate key {beginning(key)!r}: it stands already on "
                    f"line {self.lines[inner]}; keep one of the two"
                )
            self.lines[inner] = line
            mapping[key] = self._value(value_node, inner)
        return mapping


class _QuickLoader(Composer, CParser, Resolver):
    """Composes what libyaml has parsed, in Python, where nesting without end is an exception."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)


def beginning(text: str, length: int = 60) -> str:
    """Return a text as messages show it: its beginning, if it is long.

    Args:
        text: of any length.
        length: characters that are shown.
    """
    return text if len(text) <= length else text[: length - 3] + "..."


def _text(path: Path) -> str:
    """Return what a file holds, if it is a text file of a reasonable length.

    Raises:
        UserError: if it is not.
    """
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: not a file: remove it, or give it another name")
        if path.exists() and (n := path.stat().st_size) > LONGEST_FILE:
            raise UserError(f"{path}: {n} bytes long; allowed are {LONGEST_FILE}")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _composed(text: str) -> yaml.Node | None:
    """Return the root node of a text; mistakes are in the words of PyYAML's own parser."""
    if CParser is not object:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=_QuickLoader)
    return yaml.compose(text, Loader=yaml.SafeLoader)


_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_DEEPEST = 20
_YAML = "tag:yaml.org,2002:"
_PLAIN = ("str", "int", "float", "bool", "null", "seq", "map")
