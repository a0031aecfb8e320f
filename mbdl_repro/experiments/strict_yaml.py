"""YAML that refuses duplicate keys and remembers the line of every value."""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import limits

try:
    from yaml.cyaml import CParser
except ImportError:  # PyYAML without libyaml: slower, and the same
    CParser = object

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
            UserError: if it is missing, is not YAML, repeats a key, is not a mapping, or holds
                more than any experiment.
        """
        self.path = path
        self.lines: dict[Where, int] = {(): 1}
        self._n_values = 0
        node = _root(path, _content(path))
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
        self._stop_if_too_much(node, where)
        kind = node.tag.removeprefix(_YAML)
        if not any(kind in tags for tags in _TAGS.values()):
            shown = (
                f"{beginning(node.value)} is" if isinstance(node, yaml.ScalarNode) else "this is"
            )
            message = f"{shown} a YAML {beginning(kind)}, which is not used here"
            raise UserError(self.error(where, f"{message}: quote it if it is text"))
        if kind not in _TAGS[node.id]:
            message = f"a {node.id} that is marked as a YAML {kind}: leave out the mark"
            raise UserError(self.error(where, message))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for i, child in enumerate(node.value):
                self.lines[(*where, i)] = child.start_mark.line + 1
                items.append(self._value(child, (*where, i)))
            return items
        return self._text(node, where) if kind == "str" else self._number(node, kind, where)

    def _stop_if_too_much(self, node: yaml.Node, where: Where) -> None:
        """Refuse what no experiment holds, before anything is made of it."""
        self._n_values += 1
        if self._n_values > limits.VALUES:
            message = f"more than {limits.VALUES} values: do aliases (*name) repeat each other?"
            raise UserError(self.error(where[:1], message))
        if len(where) > limits.DEPTH:
            message = "nested too deep: is there an alias (*name) inside what it names?"
            raise UserError(self.error(where[:3], message))
        if node.id != "scalar" and len(node.value) > limits.ITEMS:
            kind = "list" if node.id == "sequence" else "mapping"
            message = f"a {kind} of {len(node.value)} values; allowed are {limits.ITEMS}"
            raise UserError(self.error(where, message))

    def _text(self, node: yaml.ScalarNode, where: Where) -> str:
        """Return a text that can be written, shown and drawn."""
        text: str = node.value
        if len(text) > limits.TEXT:
            message = f"a text of {len(text)} characters; allowed are {limits.TEXT}"
            raise UserError(self.error(where, message))
        if found := _UNSEEN.search(text):
            message = f"a text with the control character {found[0]!r}: leave it out"
            raise UserError(self.error(where, message))
        return text

    def _number(self, node: yaml.ScalarNode, kind: str, where: Where) -> Any:
        """Return a number, a truth value or null."""
        text = beginning(node.value)
        if len(node.value) > limits.NUMBER:
            message = f"{text}: a number of {len(node.value)} characters; allowed: {limits.NUMBER}"
            raise UserError(self.error(where, message))
        try:
            value = _CONSTRUCTOR.construct_document(node)
        except (LookupError, ValueError, OverflowError):
            raise UserError(self.error(where, f"{text!r} is not a YAML {kind}")) from None
        if isinstance(value, int) and abs(value) > limits.INTEGER:
            message = f"{text}: too large a whole number; allowed: up to {limits.INTEGER:.0e}"
            raise UserError(self.error(where, message))
        if kind in ("int", "float") and re.match(r"[-+]?0\d|.*:", node.value):
            message = f"YAML reads {node.value} as {value}: write {value}, or quote it"
            raise UserError(self.error(where, message))
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(self.error(where, f"{value}: should be a finite number"))
        return value

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, line)
            inner = (*where, key)
            if key in mapping:
                raise UserError(
                    f"{self.path}:{line}: duplicate key {beginning(key)!r}: it stands already on "
                    f"line {self.lines[inner]}; keep one of the two"
                )
            self.lines[inner] = line
            mapping[key] = self._value(value_node, inner)
        return mapping

    def _key(self, node: yaml.Node, line: int) -> str:
        """Return a key: a line of text."""
        kind = beginning(node.tag.removeprefix(_YAML))
        if not isinstance(node, yaml.ScalarNode) or kind != "str":
            shown = f" {beginning(node.value)!r}" if isinstance(node, yaml.ScalarNode) else ""
            raise UserError(
                f"{self.path}:{line}: a key must be text; YAML reads the key{shown} as {kind}: "
                "quote it"
            )
        key: str = node.value
        problem = None
        if len(key) > limits.KEY:
            problem = f"a key of {len(key)} characters; allowed are {limits.KEY}"
        elif not key.isprintable():
            problem = "a key with a character that cannot be seen: leave that out"
        if problem:
            raise UserError(f"{self.path}:{line}: {beginning(key)!r}: {problem}")
        return key


class _QuickLoader(Composer, CParser, Resolver):
    """Composes what libyaml has parsed, in Python, where nesting without end is an exception."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)


def beginning(text: str, length: int = limits.SHOWN) -> str:
    """Return a text as messages show it: its beginning, if it is long.

    Args:
        text: of any length.
        length: characters that are shown.
    """
    return text if len(text) <= length else text[: length - 3] + "..."


def _content(path: Path) -> str:
    """Return what a file holds, if it is a text file of a reasonable length.

    Raises:
        UserError: if it is not.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe, or a device, has no end
            raise UserError(f"{path}: not a file: remove it, or give it another name")
        with path.open("rb") as file:
            data = file.read(limits.BYTES + 1)
        if len(data) > limits.BYTES:
            raise UserError(f"{path}: too long; allowed are {limits.BYTES} bytes")
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read: {words}") from None


def _root(path: Path, text: str) -> yaml.Node | None:
    """Return the root node of a file's text.

    Raises:
        UserError: if it is not YAML.
    """
    try:
        return _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        words = beginning(", ".join(filter(None, [error.context, error.problem])), 300)
        cure = "see to the indentation, brackets and quotes here"
        raise UserError(f"{path}:{line}: not valid YAML: {words}: {cure}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"{path}:{line}: not valid YAML: {error.reason}") from None
    except RecursionError:
        raise UserError(f"{path}: not valid YAML: nested too deep") from None
    except (ArithmeticError, LookupError, ValueError):  # an escape of no character, say
        raise UserError(f"{path}: not valid YAML") from None


def _composed(text: str) -> yaml.Node | None:
    """Return the root node of a text; mistakes are in the words of PyYAML's own parser."""
    if CParser is not object:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=_QuickLoader)
    return yaml.compose(text, Loader=yaml.SafeLoader)


_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_YAML = "tag:yaml.org,2002:"
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_TAGS = {
    "mapping": ("map",),
    "sequence": ("seq",),
    "scalar": ("str", "int", "float", "bool", "null"),
}
