"""Every public function with two or more parameters says what each of them is.

To see what one room lacks (``areas/doa``, ``figures``, ``errors``):

    python -m pytest -q -n 0 tests/test_docstrings.py -k figures

Sources are read, not imported. What counts:

- functions of a module and methods of a public class, without a leading underscore; not a command
  of the command line, not what stands inside a function, not an ``@overload``;
- a method only if no base of its class, named in the package, has a docstring for it;
- a constructor by the ``Args:`` of its class, those of the bases of that class included; keywords
  that it passes on to a base, ``**settings``, are said there;
- ``self`` and ``cls`` apart; ``*names`` and ``**settings`` by their name alone.

What an ``Args:`` lists that the function does not take is a fault, however few it takes.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mbdl_repro"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def room_of(path: Path) -> str:
    """Return the folder or the module at the top of the package; in ``areas``, each area."""
    first, *rest = path.relative_to(PACKAGE).with_suffix("").parts
    return f"{first}/{rest[0]}" if first == "areas" and rest else first


SOURCES = {
    path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))
}


def classes_by_name(trees: list[ast.Module]) -> dict[str, list[ast.ClassDef]]:
    found: dict[str, list[ast.ClassDef]] = {}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


CLASSES = classes_by_name(list(SOURCES.values()))


def last_name(node: ast.expr) -> str:
    """Return the last name of ``a.b.c``, ``c[T]`` or ``c(...)``."""
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return last_name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def bases(node: ast.ClassDef, classes: dict[str, list[ast.ClassDef]]) -> list[ast.ClassDef]:
    """Return the bases of a class that the package defines, and theirs."""
    found: list[ast.ClassDef] = []
    waiting = [node]
    while waiting:
        for base in waiting.pop().bases:
            for one in classes.get(last_name(base), []):
                if one is not node and one not in found:
                    found.append(one)
                    waiting.append(one)
    return found


def methods(node: ast.ClassDef) -> Iterator[Function]:
    return (one for one in node.body if isinstance(one, Function))


def parameters(function: Function, method: bool) -> list[str]:
    """Return the names, without ``self`` or ``cls`` and without leading underscores."""
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args)]
    static = any(last_name(one) == "staticmethod" for one in function.decorator_list)
    if method and not static:
        names = names[1:]
    names += [one.arg for one in given.kwonlyargs]
    names += [one.arg for one in (given.vararg, given.kwarg) if one]
    return [name.lstrip("_") for name in names]


def documented(node: ast.AST) -> list[str]:
    """Return the names that the ``Args:`` of a docstring lists."""
    doc = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
    found = re.search(r"^Args:\n((?:[ ]+.*(?:\n|\Z)|\n(?=[ ]))+)", doc, re.M)
    lines = found[1].splitlines() if found else []
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    entry = re.compile(rf" {{{indent}}}([*\w][\w*, ]*?)(?: \(.*?\))?:(?:\s|$)")
    groups = [match[1].split(",") for line in lines if (match := entry.match(line))]
    return [name.strip().lstrip("*_") for group in groups for name in group]


def fault(function: Function, method: bool, listed: list[str], own: list[str]) -> str | None:
    """Return what the docstring lacks, or says too much; ``own`` are the names it must take."""
    taken = parameters(function, method)
    missing = [name for name in taken if name not in listed] if len(taken) > 1 else []
    surplus = [name for name in own if name not in taken]
    says = [f"does not explain {', '.join(missing)}"] if missing else []
    says += [f"explains {', '.join(surplus)}, which it does not take"] if surplus else []
    return "; ".join(says) or None


def is_counted(function: Function) -> bool:
    marks = {last_name(one) for one in function.decorator_list}
    return not (function.name.startswith("_") or marks & {"overload", "command", "group"})


def class_faults(
    node: ast.ClassDef, classes: dict[str, list[ast.ClassDef]]
) -> Iterator[tuple[str, int, str]]:
    """Yield the name, the line and the fault of each method, and of the constructor."""
    above = bases(node, classes)
    inherited_docs = {
        one.name for base in above for one in methods(base) if ast.get_docstring(one) is not None
    }
    for function in methods(node):
        own = documented(function)
        if function.name == "__init__":
            # A keyword that goes on to a base is one that the base may list.
            own = [] if function.args.kwarg else documented(node)
            inherited = [name for base in above for name in documented(base)]
            if above and function.args.kwarg:
                inherited.append(function.args.kwarg.arg)
            says = fault(function, True, documented(node) + inherited, own)
            if says:
                yield node.name, function.lineno, says
        elif is_counted(function) and (own or function.name not in inherited_docs):
            says = fault(function, True, own, own)
            if says:
                yield f"{node.name}.{function.name}", function.lineno, says


def faults(
    tree: ast.Module, classes: dict[str, list[ast.ClassDef]]
) -> Iterator[tuple[str, int, str]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from class_faults(node, classes)
        elif isinstance(node, Function) and is_counted(node):
            own = documented(node)
            says = fault(node, False, own, own)
            if says:
                yield node.name, node.lineno, says


@pytest.mark.parametrize("room", sorted(set(map(room_of, SOURCES))))
def test_every_parameter_of_a_public_function_is_explained(room):
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {name} {says}"
        for path, tree in SOURCES.items()
        if room_of(path) == room
        for name, line, says in faults(tree, CLASSES)
    ]
    assert not found, f"{len(found)} in {room}:\n" + "\n".join(found)


# --- the check itself ---

EXAMPLE = '''
import click

@click.command()
def command(a, b): "Do it."

def silent(a, b): "Do it."

def one(a): "Do it."

def _private(a, b): "Do it."

def partly(a, *rest, _last=0, **more):
    """Do it.

    Args:
        a: (n,), of what:
            b: is not a name here.
        *rest: others.

    Returns:
        c: what.
    """

def fully(a, b, **_more):
    """Do it.

    Args:
        a, b (int): two.
        **more: the rest.
    """
    def inside(c, d): "Do it."

def outdated(a):
    """Do it.

    Args:
        b: went away.
    """

class Base:
    """A base.

    Args:
        x: one.
        y: two.
    """
    def __init__(self, x, y): pass
    def run(self, a, b):
        """Do it.

        Args:
            a: one.
            b: two.
        """

class Derived(Base):
    """Another.

    Args:
        z: three.
    """
    def __init__(self, x, y, z): pass
    def run(self, a, b): pass
    def walk(self, a, b): "Do it."
    @staticmethod
    def stand(a, b): "Do it."

class Passing(Base):
    """Another, of which its base says the rest.

    Args:
        z: three.
    """
    def __init__(self, z, **more): pass

class Taking:
    """One without a base.

    Args:
        z: three.
    """
    def __init__(self, z, **more): pass
'''


def test_the_check_finds_what_it_should():
    tree = ast.parse(EXAMPLE)
    found = {name: says for name, _, says in faults(tree, classes_by_name([tree]))}
    assert found == {
        "silent": "does not explain a, b",
        "partly": "does not explain last, more",
        "outdated": "explains b, which it does not take",
        "Derived.walk": "does not explain a, b",
        "Derived.stand": "does not explain a, b",
        "Taking": "does not explain more",
    }
