"""What the source defines: each function, class and constant, and what it refers to."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mbdl_repro.errors import UserError
from mbdl_repro.store.normal_form import NormalForm, imported, is_docstring

PACKAGE = Path(__file__).parents[1]
NAME = "mbdl_repro"

DYNAMIC = ("eval", "exec", "globals", "import_module", "modules", "__import__")
"""Calls that may reach anything: who makes one is taken to reach its whole module."""

LISTS = ("mbdl_repro.contract.family:Family",)
"""Lists of names with the words that people read: no number depends on more than the names."""

HARMLESS = (
    "bound",
    "cache",
    "contextmanager",
    "dataclass",
    "enable_grad",
    "lru_cache",
    "metric",
    "no_grad",
    "override",
    "runtime_checkable",
    "wraps",
)
"""Decorators that change nothing but what they decorate."""

WHOLE = "*"
"""Stands for all that a module defines."""

LOOSE = "(statements)"
"""Stands for what a module does when it is imported, besides defining names."""


@dataclasses.dataclass(frozen=True)
class Ref:
    """A definition of a module of this package."""

    module: str
    name: str


@dataclasses.dataclass
class Part:
    """A definition's normal form, or that of one method of a class, with what it refers to."""

    digest: str
    refs: list[Ref]
    packages: list[str]
    """Names of the packages of others that it uses."""


@dataclasses.dataclass
class Definition:
    """What stands for a name: its own part, and for a class that of each of its methods."""

    own: Part
    methods: dict[str, Part] = dataclasses.field(default_factory=dict)


class DefinitionNotFoundError(UserError):
    """The package does not define what is asked for."""


def find(ref: Ref) -> Definition:
    """Return a definition of this package.

    Raises:
        DefinitionNotFoundError: if its module, or the module's definition, is not there.
    """
    try:
        return _module(ref.module).definition(ref.name)
    except KeyError:
        raise DefinitionNotFoundError(f"{ref.module} defines no {ref.name!r}") from None


def start(module: str, name: str) -> Ref:
    """Return the definition that a module's name stands for, wherever it comes from.

    Args:
        module: dotted name of a module of this package.
        name: that it defines, or imports.

    Raises:
        DefinitionNotFoundError: if there is no such module, or it knows no such name.
    """
    _, ref, _ = _followed(module, name, [])
    if ref is None or ref.name == WHOLE:
        raise DefinitionNotFoundError(f"{module} defines no {name!r}")
    return ref


def module_path(module: str) -> Path | None:
    """Return the file of a module of this package, or None where there is none."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def forget() -> None:
    """Forget what was read: a process reads each file once."""
    _module.cache_clear()
    _is_module.cache_clear()


@cache
def _is_module(module: str) -> bool:
    return module.split(".")[0] == NAME and module_path(module) is not None


@cache
def _module(module: str) -> Module:
    path = module_path(module)
    if path is None:
        raise DefinitionNotFoundError(f"there is no module {module} in this package")
    return Module(module, ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))


class Module:
    """The names that a module binds: what it imports, and the statements that define the rest.

    Args:
        name: its dotted name.
        tree: its syntax tree.
    """

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name = name
        self.imports: dict[str, tuple[str, str | None]] = {}
        """A local name's module, and the name in it, or None where the module itself is meant."""
        self.statements: dict[str, list[ast.stmt]] = {}
        self._definitions: dict[str, Definition] = {}
        for statement in tree.body:
            self._add(statement)

    def _add(self, statement: ast.stmt) -> None:
        if is_docstring(statement):
            return
        if isinstance(statement, ast.If) and _is_never_run(statement.test):
            for other in statement.orelse:
                self._add(other)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            self.imports |= dict(imported(statement))
        else:
            names, acts = _bound_at_top(statement)
            if acts:
                inner = ast.walk(statement)
                for node in (n for n in inner if isinstance(n, ast.Import | ast.ImportFrom)):
                    self.imports |= dict(imported(node))
            for name in dict.fromkeys([*names, *([LOOSE] if acts or not names else [])]):
                self.statements.setdefault(name, []).append(statement)

    def definition(self, name: str) -> Definition:
        """Return the normal form of what stands for a name."""
        if name not in self._definitions:
            self._definitions[name] = self._defined(name)
        return self._definitions[name]

    def _defined(self, name: str) -> Definition:
        if name == WHOLE:
            every = [Ref(self.name, one) for one in self.statements]
            return Definition(Part("", every, []))
        statements = self.statements[name]
        methods = {}
        if len(statements) == 1 and isinstance(statements[0], ast.ClassDef):
            node = statements[0]
            functions = [s for s in node.body if isinstance(s, ast.FunctionDef)]
            for group in {f.name: [g for g in functions if g.name == f.name] for f in functions}:
                methods[group] = self._part([f for f in functions if f.name == group])
            rest = [s for s in node.body if not isinstance(s, ast.FunctionDef)]
            head = ast.ClassDef(node.name, node.bases, node.keywords, rest, node.decorator_list)
            own = self._part([head])
        else:
            own = self._part(statements)
        if LOOSE in self.statements and name != LOOSE:
            own.refs.append(Ref(self.name, LOOSE))
        return Definition(own, methods)

    def _part(self, statements: Iterable[ast.stmt]) -> Part:
        part = Part("", [], [])

        def note(text: str, ref: Ref | None, package: str | None) -> str:
            if ref is not None and f"{ref.module}:{ref.name}" not in LISTS:
                part.refs.append(ref)
            part.packages += [package] if package is not None else []
            return text

        form = NormalForm(
            lambda chain: note(*self.resolve(chain)),
            lambda module, name: note(*_followed(module, name, [])),
        )
        text = "\n".join(form.of(statement) for statement in statements)
        part.digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return part

    def resolve(self, chain: list[str]) -> tuple[str, Ref | None, str | None]:
        """Find out what a name with attributes, as ``updates.kalman_gain``, refers to.

        Args:
            chain: the name, and the attributes after it.

        Returns:
            How the normal form spells it; the definition of this package that it is; and the
            package of others that it comes from.
        """
        name, *rest = chain
        if name in self.statements:
            return ".".join(chain), Ref(self.name, name), None
        if name in self.imports:
            text, ref, package = _followed(*self.imports[name], rest)
            return text, Ref(self.name, WHOLE) if chain[-1] in DYNAMIC else ref, package
        if hasattr(builtins, name):
            return ".".join(chain), Ref(self.name, WHOLE) if name in DYNAMIC else None, None
        return ".".join(chain), Ref(self.name, WHOLE), None  # a name that nobody seems to bind


def _followed(module: str, name: str | None, rest: list[str]) -> tuple[str, Ref | None, str | None]:
    """Return what an imported name, with attributes after it, refers to (see Module.resolve)."""
    path = [*([name] if name is not None else []), *rest]
    if module.split(".")[0] != NAME:
        return ".".join([module, *path]), None, module.split(".")[0]
    while path and _is_module(f"{module}.{path[0]}"):
        module, path = f"{module}.{path[0]}", path[1:]
    if not path:
        return module.split(".")[-1], Ref(module, WHOLE), None
    there = _module(module)
    if path[0] in there.statements:
        return ".".join(path), Ref(module, path[0]), None
    if path[0] in there.imports:
        return _followed(*there.imports[path[0]], path[1:])
    return ".".join(path), Ref(module, WHOLE), None


def _is_never_run(test: ast.expr) -> bool:
    """Return whether this is asked only for checks of types, or where a file is run by itself."""
    text = ast.unparse(test)
    return text in ("TYPE_CHECKING", "typing.TYPE_CHECKING") or text.startswith("__name__ ==")


def _bound_at_top(statement: ast.stmt) -> tuple[list[str], bool]:
    """Return the names that a statement of a module binds, and whether it may do more than that."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name], not all(map(_is_harmless, statement.decorator_list))
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    parts = [part for one in targets for part in getattr(one, "elts", [one])]
    if parts and all(isinstance(part, ast.Name) for part in parts):
        return [part.id for part in parts if isinstance(part, ast.Name)], False
    bound: list[str] = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.append(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.append(node.name)
    return bound, True


def _is_harmless(decorator: ast.expr) -> bool:
    """Return whether a decorator does nothing but to what it decorates: no registry is filled."""
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Name | ast.Attribute) and (
        (call.id if isinstance(call, ast.Name) else call.attr) in HARMLESS
    )
