"""The normal form of a definition: its syntax tree without what changes no number.

Left out are docstrings, comments and layout; annotations; the words of errors, warnings and
progress; a method's place on the continuum; the labels of metrics and bounds. References to other
definitions stand in it by the name of what they refer to, not by where that stands.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterable, Iterator

WORDS_OF = (["report"], ["warnings", "warn"])
"""What is called with words for people: such calls are left out where nothing is done with what
they return."""

MARKS = ("metric", "bound")
"""Decorators whose ``label`` is for tables and legends."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclasses.dataclass(frozen=True)
class _Scope:
    """The names that a function, class or comprehension binds; of them, those that hold words."""

    names: set[str]
    of_class: bool = False
    words: set[str] = dataclasses.field(default_factory=set)


class NormalForm:
    """Writes a definition's normal form, and notes what it refers to.

    Names that a function binds are its own; a name that no function around it binds is the
    module's.

    Args:
        resolve: returns how the normal form spells a name of the module with the attributes after
            it, and notes what it refers to.
        handed_in: does the same for a name that is imported inside of a function: its module, and
            its name there, or None where the module itself is meant.
    """

    def __init__(
        self,
        resolve: Callable[[list[str]], str],
        handed_in: Callable[[str, str | None], str],
    ) -> None:
        self._resolve = resolve
        self._handed_in = handed_in
        self._scopes: list[_Scope] = []

    def of(self, node: object) -> str:
        """Return the text of a node; what is empty leaves no trace, in any version of Python."""
        if isinstance(node, list):
            return "[" + ",".join(filter(None, map(self.of, node))) + "]"
        if not isinstance(node, ast.AST):
            return f"{type(node).__name__}:{node!r}"
        if isinstance(node, ast.Name | ast.Attribute):
            chain = _chain(node)
            if chain is not None and not self._is_local(chain[0]):
                return f"Global({self._resolve(chain)})"
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self._import(node)
        if isinstance(node, FUNCTIONS):
            return self._function(node)
        if isinstance(node, ast.ClassDef):
            return self._class(node)
        if isinstance(node, COMPREHENSIONS):
            return self._comprehension(node)
        if isinstance(node, ast.Raise):
            return self._raise(node)
        if isinstance(node, ast.AnnAssign):
            return self._annotated(node)
        if isinstance(node, ast.Pass):
            return ""
        if self._is_words(node):
            return ""
        return self._plain(node, without=("msg",) if isinstance(node, ast.Assert) else ())

    def _is_local(self, name: str) -> bool:
        """Return whether a scope around binds a name; what is in a class does not see its names."""
        return any(
            name in scope.names and (not scope.of_class or scope is self._scopes[-1])
            for scope in self._scopes
        )

    def _is_words(self, node: ast.AST) -> bool:
        """Return whether a statement is there for people only."""
        if isinstance(node, ast.Expr):
            return is_docstring(node) or _is_message(node.value)
        return bool(self._scopes) and _assigns_one_of(node, self._scopes[-1].words)

    def _plain(self, node: ast.AST, without: tuple[str, ...] = ()) -> str:
        """Return a node's kind with its fields, those that are empty and some others left out."""
        fields = (
            (name, value)
            for name, value in ast.iter_fields(node)
            if value not in (None, []) and name not in ("ctx", "kind", "type_comment", *without)
        )
        return f"{type(node).__name__}({','.join(f'{n}={self.of(v)}' for n, v in fields)})"

    def _import(self, node: ast.Import | ast.ImportFrom) -> str:
        """Note what is imported inside of a function: it counts, used or not."""
        if isinstance(node, ast.Import):
            return f"Import({[self._handed_in(alias.name, None) for alias in node.names]})"
        texts = [f"{local}={self._handed_in(*source)}" for local, source in imported(node)]
        return f"Import({','.join(texts)})"

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> str:
        head = self._decorators(node) + self.of(node.args.defaults)
        head += self.of([default for default in node.args.kw_defaults if default is not None])
        body: list[ast.AST] = list(node.body) if isinstance(node.body, list) else [node.body]
        names = _names_of(node.args) | _bound_in(body)
        self._scopes.append(_Scope(names, words=_words_only(body)))
        text = self.of([arg.arg for arg in _all_arguments(node.args)]) + self.of(body)
        self._scopes.pop()
        marks: list[int] = [node.args.vararg is not None, node.args.kwarg is not None]
        marks += [len(node.args.posonlyargs), len(node.args.kwonlyargs)]
        places = [default is not None for default in node.args.kw_defaults]
        kind, name = type(node).__name__, getattr(node, "name", "")
        return f"{kind}({name},{marks},{places},{head},{text})"

    def _class(self, node: ast.ClassDef) -> str:
        head = self.of(node.bases) + self.of(node.keywords) + self._decorators(node)
        self._scopes.append(_Scope(_bound_in(node.body), of_class=True))
        shown = _place_on_the_continuum(node.body)
        text = self.of([s for s in node.body if not _assigns_one_of(s, shown)])
        self._scopes.pop()
        return f"Class({node.name},{head},{text})"

    def _decorators(self, node: ast.AST) -> str:
        """Return the decorators without the words that they give to figures and tables."""
        texts = []
        for decorator in getattr(node, "decorator_list", []):
            chain = _chain(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if isinstance(decorator, ast.Call) and chain is not None and chain[-1] in MARKS:
                kept = [k for k in decorator.keywords if k.arg != "label"]
                decorator = ast.Call(decorator.func, decorator.args, kept)
            if chain is not None and chain[0] == getattr(node, "name", None):
                texts.append(".".join(chain))  # the setter of a property, which bears its name
            else:
                texts.append(self.of(decorator))
        return f"@{texts}" if texts else ""

    def _comprehension(self, node: ast.AST) -> str:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        first = self.of(generators[0].iter)
        names = {n.id for g in generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        self._scopes.append(_Scope(names))
        parts = [self.of(g.target) + self.of(g.ifs) for g in generators]
        parts += [self.of(g.iter) for g in generators[1:]]
        text = self._plain(node, without=("generators",))
        self._scopes.pop()
        return f"{text}for({first},{parts})"

    def _raise(self, node: ast.Raise) -> str:
        """Return what is raised, if it is an error without its words."""
        return f"Raise({self.of(_without_words(node)) if node.exc is not None else ''})"

    def _annotated(self, node: ast.AnnAssign) -> str:
        """Return an assignment without its annotation, which parts fields from class variables."""
        in_class = bool(self._scopes) and self._scopes[-1].of_class
        if node.value is None:
            text = f"Declared({self.of(node.target)})" if in_class else ""
        else:
            text = self.of(ast.Assign(targets=[node.target], value=node.value))
        if not in_class:
            return text
        annotation = ast.unparse(node.annotation)
        kinds = [kind for kind in ("ClassVar", "InitVar") if kind in annotation]
        return f"{kinds[0] if kinds else 'Field'}({text})"


def _chain(node: ast.AST) -> list[str] | None:
    """Return ``["a", "b"]`` of ``a.b``, or None where it does not begin with a name."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return [node.id, *reversed(attributes)] if isinstance(node, ast.Name) else None


def _is_message(node: ast.expr) -> bool:
    """Return whether a call is made for the words in it alone."""
    if not isinstance(node, ast.Call):
        return False
    return _chain(node.func) in WORDS_OF


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*named, *(one for one in (arguments.vararg, arguments.kwarg) if one is not None)]


def _names_of(arguments: ast.arguments) -> set[str]:
    return {argument.arg for argument in _all_arguments(arguments)}


def _bound_in(body: Iterable[ast.AST]) -> set[str]:
    """Return the names that a body binds itself, not the functions and classes inside of it."""
    names: set[str] = set()
    shared: set[str] = set()
    queue = list(body)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {local for local, _ in imported(node)}
        elif isinstance(node, ast.Global):
            shared |= set(node.names)
        elif not isinstance(node, (ast.Lambda, *COMPREHENSIONS)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                names.add(node.name)
            elif isinstance(node, ast.MatchMapping) and node.rest:
                names.add(node.rest)
            queue.extend(ast.iter_child_nodes(node))
        else:
            names |= _walrus(node)
    return names - shared


def _walrus(node: ast.AST) -> set[str]:
    """Return the names that assignment expressions inside of a comprehension bind around it."""
    if isinstance(node, ast.Lambda):
        return set()
    found = (n.target for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
    return {target.id for target in found if isinstance(target, ast.Name)}


def _words_only(body: list[ast.AST]) -> set[str]:
    """Return the variables of a function that hold text for an error's words and nothing else."""
    texts: set[str] = set()
    others: set[str] = set()
    set_by_text: set[int] = set()
    for node in (node for statement in body for node in _walk_what_counts(statement)):
        if isinstance(node, ast.Global | ast.Nonlocal):
            others |= set(node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_text(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target for target in targets if isinstance(target, ast.Name)]
            texts |= {name.id for name in names}
            set_by_text |= {id(name) for name in names}
        elif isinstance(node, ast.Name) and id(node) not in set_by_text:
            others.add(node.id)
    return texts - others


def _walk_what_counts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is in it, the words of errors and of messages left out."""
    yield node
    if isinstance(node, ast.Raise):
        if node.exc is not None:
            yield from _walk_what_counts(_without_words(node))
        return
    if isinstance(node, ast.Expr) and _is_message(node.value):
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk_what_counts(child)


def _without_words(node: ast.Raise) -> ast.expr:
    """Return what is raised: of an error, which bears words, its class."""
    assert node.exc is not None
    if isinstance(node.exc, ast.Call):
        chain = _chain(node.exc.func)
        if chain is not None and chain[-1].endswith("Error"):
            return node.exc.func
    return node.exc


def _place_on_the_continuum(body: Iterable[ast.stmt]) -> tuple[str, ...]:
    """Return the attributes of a method's class that say where it stands, and nothing else."""
    for statement in body:
        if isinstance(statement, ast.Assign) and _assigns_one_of(statement, ("family",)):
            chain = _chain(statement.value)
            if chain is not None and chain[0] == "Family":
                return ("family", "parent")
    return ()


def _is_text(node: ast.expr | None) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) and _is_text(node.orelse)
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) and _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _assigns_one_of(statement: ast.AST, names: Iterable[str]) -> bool:
    """Return whether a statement does nothing but give a value to one of these names."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return False
    return isinstance(target, ast.Name) and target.id in set(names)


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Yield each local name that an import binds, with its module and its name there."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.split(".")[0]
            yield alias.asname or whole, (whole, None)
    else:
        for alias in node.names:
            yield alias.asname or alias.name, (node.module or "", alias.name)


def is_docstring(statement: ast.stmt) -> bool:
    """Return whether a statement is a text that nothing is done with."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
