"""Code that nobody needs is not kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tests.house.tree import PACKAGE, modules, parsed

# What is there for others to inherit, as the tests of this project do.
FOR_OTHERS = {"StorageSuite"}
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Use = tuple[str, str]  # a module, and a name at its top


def dotted(parts: tuple[str, ...]) -> str:
    """The module of a file of the package, by its path's parts."""
    return ".".join(parts).removesuffix(".py").removesuffix(".__init__")


def used(module: str, tree: ast.Module) -> Iterator[Use]:
    """Every name of a module that this one uses: its own beyond their definitions, what it imports, what a face lists,
    and what it reads from a module that it imported whole."""
    aliases = {alias.asname or alias.name: source for source, alias in _imports(tree)}
    yield from ((source.rpartition(".")[0], alias.name) for source, alias in _imports(tree))
    for statement in tree.body:
        own = statement.name if isinstance(statement, Definition) else None
        yield from ((at, name) for at, name in _uses(module, statement, aliases) if (at, name) != (module, own))


def _imports(tree: ast.Module) -> Iterator[tuple[str, ast.alias]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", alias) for alias in node.names)


def _uses(module: str, statement: ast.stmt, aliases: Mapping[str, str]) -> Iterator[Use]:
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                yield module, name
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in aliases:
                yield aliases[name], attribute
            case ast.Dict(keys=keys, values=values):
                yield from _listed(keys, values)
            case ast.Constant(value=str(text)) if text.isidentifier():  # an annotation in quotes
                yield module, text


def _listed(keys: list[ast.expr | None], values: list[ast.expr]) -> Iterator[Use]:
    """The names that a lazy face lists by their module."""
    for key, value in zip(keys, values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple):
            yield from ((str(key.value), str(each.value)) for each in value.elts if isinstance(each, ast.Constant))


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


def dead(trees: Mapping[str, ast.Module]) -> list[Use]:
    """What the modules declare and none of them uses, whatever has the same name in another module."""
    alive = {use for module, tree in trees.items() for use in used(module, tree)}
    return [(module, name) for module, tree in trees.items() for name in declared(tree) if (module, name) not in alive]


def test_nothing_is_dead() -> None:
    """Each function, class and constant of a module is used somewhere in the product, or its face offers it."""
    trees = {dotted(file.relative_to(PACKAGE.parent).parts): parsed(file) for file in modules(PACKAGE)}
    assert len(trees) > 200
    assert [use for use in dead(trees) if use[1] not in FOR_OTHERS and not use[1].startswith("__")] == []


def test_what_is_dead_is_found() -> None:
    """A name that is only declared or only assigned is dead, and a namesake elsewhere does not keep it alive."""
    one = "A = 1\nB: int = 2\ndef f(): return A\n@hook\ndef g(): pass\nclass C: pass\nx = 'C'\ndef r(): return r()\n"
    two = "from p.one import A\nfrom p import one\nB = one.f\nprint(B)\nclass C: pass\nOFFERED = {'p.two': ('C',)}\n"
    trees = {"p.one": ast.parse(one), "p.two": ast.parse(two)}
    assert set(dead(trees)) == {("p.one", "B"), ("p.one", "x"), ("p.one", "r"), ("p.two", "OFFERED")}
