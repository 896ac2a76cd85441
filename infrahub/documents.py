"""
GraphQL documents: parsed as such, bounded, and turned into plain values.

What comes out knows nothing of the parser: fields with their arguments, variables put in, and what is selected below.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    ListValueNode,
    NonNullTypeNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    parse,
)
from graphql.language.ast import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    StringValueNode,
)

from infrahub.errors import DocumentError, UnsupportedError
from provgraph.events import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import DocumentNode, SelectionNode, SelectionSetNode, ValueNode

# Five of them make a member of a group: 40,000 members at once.
_MOST_TOKENS = 200_000
# Fields, counted where they are used: fragments within fragments multiply.
_MOST_FIELDS = 2_000
_DEEPEST = 20
_MOST_CALLS = 50
_ABSENT = object()


class Selected(NamedTuple):
    """A field that is asked for, or what is asked for of one type."""

    name: str
    key: str  # what the answer calls it
    arguments: Mapping[str, Any]
    selection: Selection | None  # None: nothing below it
    of_type: str | None = (
        None  # a condition: the selection counts for such a type, and name and key are empty
    )


Selection = tuple[Selected, ...]


class Document(NamedTuple):
    """What a document asks for, in its order."""

    is_mutation: bool
    calls: Selection


def read_document(text: object, *, variables: object = None, operation: object = None) -> Document:
    """
    Return what a GraphQL document asks for.

    :param variables: an object, or None
    :param operation: the name of the operation, when there are several
    :raises DocumentError: it cannot be read, or is larger than anything that is served here
    :raises UnsupportedError: it uses what is not served here
    """
    if not isinstance(text, str) or not text.strip():
        raise DocumentError("The body has no GraphQL document: send it as `query`", field="query")
    if variables is not None and not isinstance(variables, dict):
        raise DocumentError("variables must be an object", field="variables")
    try:
        document = parse(text, no_location=True, max_tokens=_MOST_TOKENS)
        found = _operation(document, operation)
        reader = _Reader(document, _variables(found, variables or {}))
        calls = reader.selection(found.selection_set, 0)
    except GraphQLSyntaxError as error:
        raise DocumentError(f"The GraphQL document cannot be read: {error.message}", field="query") from error
    except RecursionError as error:
        raise DocumentError("The GraphQL document is nested too deeply", field="query") from error
    if found.operation is OperationType.SUBSCRIPTION:
        raise UnsupportedError("Subscriptions are not served here")
    if len(calls) > _MOST_CALLS:
        raise DocumentError(f"One document may make {_MOST_CALLS} calls, this one makes {len(calls)}")
    if any(call.of_type is not None for call in calls):
        raise UnsupportedError("Fragments at the root of a document are not served here")
    keys = [call.key for call in calls]
    if len(set(keys)) != len(keys):
        raise UnsupportedError("Two calls in one document need two aliases")
    return Document(found.operation is OperationType.MUTATION, calls)


def merged(selection: Selection, is_a: Callable[[str], bool]) -> dict[str, Selected]:
    """
    Return the fields that count for an object, by the answer's names; what is asked for twice is united.

    :param is_a: tells whether the object is of a type
    :raises DocumentError: two different fields have one name
    """
    found: dict[str, Selected] = {}
    for one in selection:
        if one.of_type is not None:
            counts = not one.of_type or is_a(one.of_type)
            inner = merged(one.selection or (), is_a) if counts else {}
        else:
            inner = {one.key: one}
        for key, field in inner.items():
            known = found.get(key)
            found[key] = field if known is None else _united(known, field)
    return found


def _united(one: Selected, other: Selected) -> Selected:
    if one.name != other.name or not canonical.same(one.arguments, other.arguments):
        raise DocumentError(f"The document asks for two different fields as {one.key!r}")
    if one.selection is None or other.selection is None:
        return one
    return one._replace(selection=one.selection + other.selection)


def _operation(document: DocumentNode, name: object) -> OperationDefinitionNode:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name is not None:
        operations = [one for one in operations if one.name is not None and one.name.value == name]
        if not operations:
            raise DocumentError(f"The document has no operation {str(name)[:60]!r}", field="operationName")
    if len(operations) != 1:
        raise DocumentError(
            f"The document has {len(operations)} operations: name the one you mean", field="operationName"
        )
    return operations[0]


def _variables(operation: OperationDefinitionNode, given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name in given:
            values[name] = given[name]
        elif definition.default_value is not None:
            values[name] = _value(definition.default_value, {})
        else:
            values[name] = _ABSENT
        if isinstance(definition.type, NonNullTypeNode) and values[name] in (None, _ABSENT):
            raise DocumentError(f"The variable ${name} needs a value", field=f"variables.{name}")
    return values


class _Reader:
    """Turns selections into plain values, as long as they are not too many."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._left = _MOST_FIELDS
        self._arguments: dict[int, Mapping[str, Any]] = {}
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }

    def selection(self, selected: SelectionSetNode, depth: int) -> Selection:
        if depth > _DEEPEST:
            raise DocumentError(f"The document asks for more than {_DEEPEST} levels", field="query")
        return tuple(self._selected(node, depth) for node in selected.selections)

    def _selected(self, node: SelectionNode, depth: int) -> Selected:
        self._left -= 1
        if self._left < 0:
            raise DocumentError(f"The document asks for more than {_MOST_FIELDS} fields", field="query")
        if node.directives:
            raise UnsupportedError(f"The directive @{node.directives[0].name.value} is not served here")
        if isinstance(node, FieldNode):
            return self._field(node, depth)
        if isinstance(node, InlineFragmentNode):
            of_type = "" if node.type_condition is None else node.type_condition.name.value
            return _condition(of_type, self.selection(node.selection_set, depth + 1))
        name = node.name.value if isinstance(node, FragmentSpreadNode) else ""
        fragment = self._fragments.get(name)
        if fragment is None:
            raise DocumentError(f"The document has no fragment {name!r}", field="query")
        return _condition(
            fragment.type_condition.name.value, self.selection(fragment.selection_set, depth + 1)
        )

    def _field(self, node: FieldNode, depth: int) -> Selected:
        # Read once: a fragment's arguments may be large, and used in many places.
        arguments = self._arguments.get(id(node))
        if arguments is None:
            arguments = self._arguments[id(node)] = {
                argument.name.value: value
                for argument in node.arguments
                if (value := _value(argument.value, self._variables)) is not _ABSENT
            }
        below = None if node.selection_set is None else self.selection(node.selection_set, depth + 1)
        key = node.name.value if node.alias is None else node.alias.value
        return Selected(node.name.value, key, arguments, below)


def _condition(of_type: str, selection: Selection) -> Selected:
    return Selected("", "", {}, selection, of_type)


def _value(node: ValueNode, variables: Mapping[str, Any]) -> Any:
    match node:
        case VariableNode():
            if node.name.value not in variables:
                raise DocumentError(f"The variable ${node.name.value} is not declared", field="variables")
            return variables[node.name.value]
        case ObjectValueNode():
            members = ((one.name.value, _value(one.value, variables)) for one in node.fields)
            return {name: value for name, value in members if value is not _ABSENT}
        case ListValueNode():
            return [_null(_value(one, variables)) for one in node.values]
        case NullValueNode():
            return None
        case IntValueNode():
            return _whole(node.value)
        case FloatValueNode():
            return _finite(node.value)
        case StringValueNode():
            return _storable(node.value)
        case BooleanValueNode() | EnumValueNode():
            return node.value
    raise DocumentError("The document holds a value that cannot be read", field="query")


def _null(value: Any) -> Any:
    return None if value is _ABSENT else value


def _whole(text: str) -> int:
    # JSON's readers keep numbers apart up to here.
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise DocumentError(f"The number {text[:30]} is too large: write it as a text", field="query")
    return int(text)


def _storable(text: str) -> str:
    if "\0" in text:
        raise DocumentError("A text holds NUL, which is not stored", field="query")
    return text


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise DocumentError(f"The number {text[:30]} is too large", field="query")
    return number


def strings(value: object, what: str) -> Sequence[str]:
    """
    Return a list of texts that an argument must be; a single text is a list of one.

    :raises DocumentError: it is something else
    """
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise DocumentError(f"{what} must be a list of texts", field=what)
    return given
