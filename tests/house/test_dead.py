"""Code that nobody needs is not kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.tree import PACKAGE, ROOT, modules, parsed

# What is there for others to inherit, as the tests of this project do.
FOR_OTHERS = {"StorageSuite"}


def used(tree: ast.Module) -> Iterator[str]:
    """Every name that a module reads, imports or says in a text of its own, as a face does and an annotation may."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)) if text.isidentifier():
                yield text


def declared(tree: ast.Module) -> Iterator[str]:
    """The functions, classes and constants at the top of a module; a decorated function is its decorator's."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.FunctionDef(name=name, decorator_list=[]) | ast.AsyncFunctionDef(name=name, decorator_list=[]):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_nothing_is_dead() -> None:
    """Each function, class and constant of a module is used somewhere in the product, or its face offers it."""
    alive = {name for file in modules(PACKAGE) for name in used(parsed(file))} | FOR_OTHERS
    dead = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in modules(PACKAGE)
        for name in declared(parsed(file))
        if name not in alive and not name.startswith("__")
    ]
    assert dead == []


def test_what_is_dead_is_found() -> None:
    """A name that is only declared is no use, and neither is one that is only assigned."""
    tree = ast.parse("A = 1\nB: int = 2\ndef f(): return A\n@hook\ndef g(): pass\nclass C: pass\nx = 'C'\n")
    assert set(declared(tree)) - set(used(tree)) == {"B", "f", "x"}
