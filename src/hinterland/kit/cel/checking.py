"""The checker: resolves names, chooses operations, and refuses what cannot be the same everywhere.

What it lets through means the same in Python, in SQLite and in PostgreSQL; what cannot, is refused here, when the
expression is declared, with what to write instead. Deviations from the language's specification:

- null and missing are one: ``has(x)`` and ``x != null`` are the same, and any other read of such a field is an error;
- double arithmetic with an operand beyond 1e-150 … 1e150, and a division of doubles by zero, are errors;
- a comparison of an integer with a double must be exact: literals are converted, an Integer field is, the rest is
  refused;
- a pattern of ``matches`` is a literal of a part of RE2 (``patterns``), and an instant has microseconds.
"""

from __future__ import annotations

from collections.abc import Callable

from hinterland.kit.cel import operations
from hinterland.kit.cel.errors import nearest
from hinterland.kit.cel.functions import call
from hinterland.kit.cel.list_operations import common_list, compared_lists, joined_lists
from hinterland.kit.cel.numbers import are_numbers, comparable, element
from hinterland.kit.cel.operands import (
    as_element,
    constant_list,
    factor,
    inside_of,
    literal,
    member_of_anything,
    mixed_hint,
    read_as,
)
from hinterland.kit.cel.text_functions import BYTES_ORDER, JOIN_BYTES
from hinterland.kit.cel.time_functions import time_arithmetic
from hinterland.kit.cel.tree import (
    GIVEN,
    FieldAccess,
    FunctionCall,
    Given,
    Index,
    Literal,
    Name,
    Node,
    Sequence,
    fail,
)
from hinterland.kit.cel.typed import Apply, Choice, Constant, HasValue, Item, Items, Logic, Member, Path, Typed
from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT64,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    Environment,
    ListType,
    ObjectType,
    Type,
    is_integer,
)


def check(node: Node, environment: Environment, expected: Type = BOOL) -> Typed:
    """The checked tree of an expression whose value is a ``expected``; ``CelError`` if it is not or cannot be exact."""
    tree = Checker(environment).value(node, expected)
    if tree.type is not expected and not (is_integer(tree.type) and is_integer(expected)):
        raise fail(node, f"this is {tree.type.phrase}, but {expected.phrase} is needed", _condition_hint(tree))
    return tree


def _condition_hint(tree: Typed) -> str:
    if isinstance(tree, Path) and tree.type is not BOOL:
        return f"compare it, or write {tree.text} != null"
    return ""


class Checker:
    """Checks the nodes of one expression; ``scope`` holds the variables of the macros around."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.scope: dict[str, Type] = {}
        self.is_in_macro = False
        self.pattern_states = 0

    # ------------------------------------------------------------------ values

    def value(self, node: Node, wanted: Type | None = None) -> Typed:
        """A node that is a scalar or a list; what may hold anything is read as ``wanted``."""
        return self.valued(node, self.any(node), wanted)

    def valued(self, node: Node, tree: Typed, wanted: Type | None = None) -> Typed:
        """The same of a node's tree, so that no node is checked twice."""
        if tree.type is DYN and wanted is not None:
            return read_as(tree, wanted)
        if tree.type is NULL:
            raise fail(node, "null can only be compared with == and !=")
        if isinstance(tree.type, ObjectType):
            hint = f"name one of its fields: {', '.join(sorted(tree.type.fields)[:10])}"
            raise fail(node, f"{tree.text} is an object and has no value of its own", hint)
        if tree.type is DYN:
            hint = "compare it with a string, a number or a bool, or declare a field of a definite kind"
            raise fail(node, f"{tree.text} may hold anything, so its type is not known here", hint)
        return tree

    def scalar(self, node: Node, wanted: Type | None = None) -> Typed:
        """A node that is a scalar; what may hold anything is read as ``wanted``."""
        return self.scalar_of(node, self.any(node), wanted)

    def scalar_of(self, node: Node, tree: Typed, wanted: Type | None = None) -> Typed:
        """The same of a node's tree."""
        tree = self.valued(node, tree, wanted)
        if isinstance(tree.type, ListType):
            hint = 'use "in", size(), exists() or all()'
            raise fail(node, f"{tree.text} is a list and cannot be compared or computed with", hint)
        return tree

    def text(self, node: Node) -> Typed:
        """A node that is a string."""
        return self.text_of(node, self.any(node))

    def text_of(self, node: Node, tree: Typed) -> Typed:
        """The same of a node's tree."""
        tree = self.scalar_of(node, tree, STRING)
        if tree.type is not STRING:
            raise fail(node, f"this is {tree.type.phrase}, but a string is needed")
        return tree

    def operand(self, node: Node) -> Typed:
        """A node that is an operand of a function, whose type the function knows: what may hold anything, too."""
        tree = self.any(node)
        return tree if tree.type is DYN else self.valued(node, tree)

    def as_wanted(self, tree: Typed, wanted: Type) -> Typed:
        """An operand as a value of a type that fits."""
        return read_as(tree, wanted) if tree.type is DYN else tree

    def is_variable(self, name: str) -> bool:
        """Whether a name is a variable, of a macro or of the environment."""
        return name in self.scope or name in self.environment.variables

    def within(self, names: dict[str, Type], check: Callable[[], Typed]) -> Typed:
        """What ``check`` finds where these variables of a macro can be read."""
        outer, was_in_macro = self.scope, self.is_in_macro
        self.scope, self.is_in_macro = {**outer, **names}, True
        tree = check()
        self.scope, self.is_in_macro = outer, was_in_macro
        return tree

    def boolean(self, node: Node) -> Typed:
        """A node that is a bool."""
        tree = self.any(node)
        if tree.type is DYN:
            return read_as(tree, BOOL)
        if tree.type is not BOOL:
            raise fail(node, f"{node.text} is {tree.type.phrase}, but a bool is needed", _condition_hint(tree))
        return tree

    def any(self, node: Node) -> Typed:
        """Any node."""
        if isinstance(node, FunctionCall):
            operator = _OPERATORS.get(node.function)
            return operator(self, node) if operator and not node.is_method else call(self, node)
        if isinstance(node, FieldAccess):
            return self.select(node, node.operand, node.field)
        if isinstance(node, Literal):
            return literal(node)
        if isinstance(node, Name):
            return self.name(node)
        if isinstance(node, Given):
            return Path(node, node.kind, GIVEN, (str(node.number),))
        if isinstance(node, Index):
            return self.index(node)
        assert isinstance(node, Sequence)
        return self.sequence(node)

    def name(self, node: Name) -> Typed:
        kind = self.scope.get(node.name) or self.environment.variables.get(node.name)
        if kind is not None:
            return Path(node, kind, node.name, (), 0 if kind is DYN else None)
        for variable, owner in self.environment.variables.items():
            if isinstance(owner, ObjectType) and node.name in owner.fields:
                raise fail(node, f'unknown variable "{node.name}"', f"write {variable}.{node.name}")
        if node.name in self.environment.collections:
            hint = f"ask it with {node.name}.exists(…, …)"
            raise fail(node, f"{node.name} is a collection and has no value of its own", hint)
        names = [name for name in (*self.environment.variables, *self.scope) if name not in self.environment.unlisted]
        known = [name for name in names if name.isidentifier()]  # or none can write it
        raise fail(node, f'unknown variable "{node.name}"', nearest(node.name, known, [*self.environment.collections]))

    def select(self, node: Node, operand: Node, field: str) -> Path:
        """A field of an object."""
        owner = self.any(operand)
        if isinstance(owner, Path) and owner.type is DYN:
            return inside_of(node, owner, field)
        if not isinstance(owner, Path) or not isinstance(owner.type, ObjectType):
            hint = f"a method is called with brackets: {field}()" if field in _METHOD_NAMES else ""
            raise fail(node, f"{owner.text} is {owner.type.phrase} and has no field {field!r}", hint)
        kind = owner.type.fields.get(field)
        if kind is None and owner.type.is_open:
            return inside_of(node, owner, field)
        if kind is None:
            hint = nearest(field, list(owner.type.fields))
            raise fail(node, f'{owner.text} has no field "{field}"', hint)
        fields = (*owner.fields, field)
        if owner.type.is_json and owner.fields:
            return Path(node, kind, owner.variable, fields, owner.declared or len(owner.fields))
        return Path(node, kind, owner.variable, fields, len(fields) if kind is DYN else None)

    def index(self, node: Index) -> Typed:
        owner, index = self.any(node.operand), node.index
        is_object = isinstance(owner.type, ObjectType) or owner.type is DYN
        if is_object and isinstance(index, Literal) and isinstance(index.value, str):
            return self.select(node, node.operand, index.value)
        owner = self.valued(node.operand, owner)
        if not isinstance(owner.type, ListType):
            raise fail(node, f"{owner.text} is {owner.type.phrase} and has no elements")
        if not isinstance(index, Literal) or index.kind != "int" or not isinstance(index.value, int):
            raise fail(index, "an index must be a literal integer", 'use "in", exists() or all()')
        if not 0 <= index.value < 2**31:
            raise fail(index, "an index counts from 0", "")
        return Item(node, owner.type.element, owner, index.value)

    def sequence(self, node: Sequence) -> Typed:
        """A written list: of literals, it is a constant."""
        items = self.elements(node)
        if not all(isinstance(item, Constant) for item in items):
            kinds = {item.type for item in items}
            return Items(node, ListType(items[0].type if len(kinds) == 1 else INT64), items)
        return constant_list(node, items, DYN)

    def elements(self, node: Sequence) -> tuple[Typed, ...]:
        items = tuple(self.value(item) for item in node.items)
        if items and any(is_integer(item.type) for item in items) and any(item.type is DOUBLE for item in items):
            items = tuple(element(item, DOUBLE) for item in items)
        for item in items[1:]:
            if item.type != items[0].type and not (is_integer(item.type) and is_integer(items[0].type)):
                raise fail(item.origin, f"this is {item.type.phrase} in a list of {items[0].type}")
        return items

    # ------------------------------------------------------------------ operators

    def logic(self, node: FunctionCall) -> Typed:
        return Logic(node, node.function == "&&", tuple(self.boolean(term) for term in node.arguments))

    def negate(self, node: FunctionCall) -> Typed:
        return Apply(node, BOOL, operations.NOT, (self.boolean(node.arguments[0]),))

    def choice(self, node: FunctionCall) -> Typed:
        condition = self.boolean(node.arguments[0])
        then, otherwise = (self.scalar(branch) for branch in node.arguments[1:])
        kind = then.type
        if is_integer(kind) and is_integer(otherwise.type):
            kind = kind if kind is otherwise.type else INT64
        elif kind is not otherwise.type:
            raise fail(node, f"the branches are {kind.phrase} and {otherwise.type.phrase}; they must be of one type")
        return Choice(node, kind, condition, then, otherwise)

    def compare(self, node: FunctionCall) -> Typed:
        for side, other in (node.arguments, node.arguments[::-1]):
            if isinstance(other, Literal) and other.kind == "null":
                return self.null_test(node, side)
        left, right = self.sides(node)
        operator = node.function
        if isinstance(left.type, ListType) or isinstance(right.type, ListType):
            return self.compare_lists(node, left, right)
        if are_numbers(left, right):
            left, right, operator = comparable(node, left, operator, right)
        elif left.type is not right.type:
            hint = mixed_hint(left, right.type) or mixed_hint(right, left.type)
            raise fail(node, f"{left.type.phrase} is never compared with {right.type.phrase}", hint)
        if left.type is BYTES and operator not in ("==", "!="):
            return Apply(node, BOOL, BYTES_ORDER[operator], (left, right))
        is_text = left.type in (STRING, TIMESTAMP, BYTES)
        table = operations.TEXT_COMPARISONS if is_text else operations.COMPARISONS
        return Apply(node, BOOL, table[operator], (left, right))

    def compare_lists(self, node: FunctionCall, left: Typed, right: Typed) -> Typed:
        kind = common_list(left, right)
        if kind is None or node.function not in ("==", "!="):
            raise fail(node, f"{left.type.phrase} is not compared with {right.type.phrase} like this")
        return Apply(node, BOOL, compared_lists(kind, is_equal=node.function == "=="), (left, right))

    def sides(self, node: FunctionCall) -> tuple[Typed, Typed]:
        """Both sides of a comparison; one that may hold anything is read as the other's type."""
        left, right = (self.any(side) for side in node.arguments)
        if left.type is DYN and right.type is not DYN:
            right = self.valued(node.arguments[1], right)
            return read_as(left, right.type), right
        left = self.valued(node.arguments[0], left)
        return left, self.valued(node.arguments[1], right, left.type)

    def null_test(self, node: FunctionCall, side: Node) -> Typed:
        path = self.any(side)
        if node.function not in ("==", "!="):
            raise fail(node, 'null can only be compared with "==" and "!="')
        if not isinstance(path, Path) or (path.variable in self.scope and not path.fields):
            raise fail(side, "only a field or a variable can be null")
        return HasValue(node, path, is_negated=node.function == "==")

    def arithmetic(self, node: FunctionCall) -> Typed:
        left, right = (self.value(side) for side in node.arguments)
        operator = node.function
        if operator == "+" and (kind := common_list(left, right)) is not None:
            return Apply(node, kind, joined_lists(kind), (left, right))
        left, right = self.scalar_of(node.arguments[0], left), self.scalar_of(node.arguments[1], right)
        if left.type is UINT and right.type is UINT:
            return Apply(node, UINT, operations.UNSIGNED_ARITHMETIC[operator], (left, right))
        if is_integer(left.type) and is_integer(right.type):
            return Apply(node, INT64, operations.INTEGER_ARITHMETIC[operator], (left, right))
        if left.type is DOUBLE and right.type is DOUBLE and operator in operations.DOUBLE_ARITHMETIC:
            operation = operations.DOUBLE_ARITHMETIC[operator]
            return Apply(node, DOUBLE, operation, (factor(left), factor(right)))
        if operator == "+" and left.type is STRING and right.type is STRING:
            return Apply(node, STRING, operations.CONCATENATE, (left, right))
        if operator == "+" and left.type is BYTES and right.type is BYTES:
            return Apply(node, BYTES, JOIN_BYTES, (left, right))
        if (found := time_arithmetic(node, operator, left, right)) is not None:
            return found
        hint = ""
        if are_numbers(left, right):
            hint = "write 2.0 for 2, or convert with double()" if operator != "%" else "% takes integers"
        elif STRING in (left.type, right.type) and operator == "+":
            hint = "convert with string()"
        raise fail(node, f"{left.type} {operator} {right.type} is not possible", hint)

    def minus(self, node: FunctionCall) -> Typed:
        operand = self.scalar(node.arguments[0])
        if operand.type is DOUBLE:
            return Apply(node, DOUBLE, operations.NEGATE_DOUBLE, (operand,))
        if is_integer(operand.type):
            return Apply(node, INT64, operations.NEGATE_INTEGER, (operand,))
        raise fail(node, f"{operand.type.phrase} has no negative", 'use "!"' if operand.type is BOOL else "")

    def member(self, node: FunctionCall) -> Typed:
        left, right = node.arguments
        if isinstance(right, Sequence):
            return self.member_of_written(node, left, right)
        container = self.any(right)
        if container.type is DYN:
            return member_of_anything(node, self.scalar(left), container)
        item = self.scalar(left, container.type.element if isinstance(container.type, ListType) else None)
        if isinstance(container.type, ObjectType):
            raise fail(node, f"{container.text} is an object, not a list", "use has() for a field")
        if container.type is STRING:
            hint = f"write {container.text}.contains({item.text})"
            raise fail(node, f"{container.text} is a string, not a list", hint)
        container = self.valued(right, container)
        if not isinstance(container.type, ListType):
            raise fail(right, f"this is {container.type.phrase}, but a list is needed")
        return Member(node, as_element(item, container.type.element), container)

    def member_of_written(self, node: FunctionCall, left: Node, right: Sequence) -> Typed:
        items = self.elements(right)
        item = self.scalar(left, items[0].type if items else STRING)
        if items:
            if item.type is DOUBLE and is_integer(items[0].type):
                items = tuple(element(one, DOUBLE) for one in items)
            item = as_element(item, items[0].type)
        if all(isinstance(one, Constant) for one in items):
            return Member(node, item, constant_list(right, items, item.type))
        return Member(node, item, Items(right, ListType(items[0].type), items))


_Operator = Callable[[Checker, FunctionCall], Typed]
_OPERATORS: dict[str, _Operator] = {
    "&&": Checker.logic, "||": Checker.logic, "!_": Checker.negate, "?:": Checker.choice, "in": Checker.member,
    "-_": Checker.minus,
    **dict.fromkeys(operations.COMPARISONS, Checker.compare),
    **dict.fromkeys(operations.INTEGER_ARITHMETIC, Checker.arithmetic),
}  # fmt: skip
_METHOD_NAMES = ("size", "contains", "startsWith", "endsWith", "lowerAscii", "upperAscii", "trim", "reverse")
