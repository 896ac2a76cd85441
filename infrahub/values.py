"""What attributes of Infrahub's kinds take. A value of another kind would be read by no program of the SDK's."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

JSONObject = dict[str, Any]


class _Taken(NamedTuple):
    types: tuple[type, ...]
    what: str  # in words
    parse: Callable[[Any], object] | None = None  # raises ValueError where the SDK could not read the value


_TEXT = _Taken((str,), "a text")
_WHOLE = _Taken((int,), "a whole number")
_FLAG = _Taken((bool,), "true or false")
_TAKEN: Mapping[str, _Taken] = {
    **dict.fromkeys(("ID", "Dropdown", "Text", "TextArea", "DateTime", "Email"), _TEXT),
    **dict.fromkeys(("Password", "HashedPassword", "URL", "File", "MacAddress", "Color"), _TEXT),
    **dict.fromkeys(("Number", "NumberPool", "Bandwidth"), _WHOLE),
    **dict.fromkeys(("Boolean", "Checkbox"), _FLAG),
    "IPHost": _Taken((str,), "an address, with its prefix or without", ipaddress.ip_interface),
    "IPNetwork": _Taken(
        (str,), "a network: an address without host bits, and a prefix", ipaddress.ip_network
    ),
    "IPAddress": _Taken((str,), "an address", ipaddress.ip_address),
    "List": _Taken((list,), "a list"),
    "JSON": _Taken((dict, list), "an object or a list"),
}
_SHOWN: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    list: "a list",
    dict: "an object",
}
_LONGEST_SHOWN = 40

ATTRIBUTE_KINDS = frozenset({*_TAKEN, "Any"})


def refuse_other_value(attribute: JSONObject, value: Any) -> None:
    """
    Refuse a value that an attribute does not take. Null is none, and every attribute takes it.

    :param attribute: its definition
    :raises InvalidInputError: names the attribute
    """
    taken = _TAKEN.get(attribute.get("kind", ""))
    if value is None or taken is None:
        return
    name, kind = attribute["name"], attribute["kind"]
    # By the very type: to Python, true is a number.
    if type(value) not in taken.types:
        raise InvalidInputError(
            f"{name} is of the kind {kind} and takes {taken.what}, not {_SHOWN.get(type(value), 'this')}",
            field=name,
            rule="type",
        )
    if taken.parse is None:
        return
    try:
        taken.parse(value)
    except ValueError:
        raise InvalidInputError(
            f"{name} is of the kind {kind} and takes {taken.what}, not {value[:_LONGEST_SHOWN]!r}",
            field=name,
            rule="type",
        ) from None


def refuse_other_defaults(attributes: Iterable[JSONObject]) -> None:
    """
    Refuse definitions of attributes whose defaults they do not take.

    :raises InvalidInputError: names the attribute
    """
    for attribute in attributes:
        try:
            refuse_other_value(attribute, attribute.get("default_value"))
        except InvalidInputError as error:
            raise InvalidInputError(
                f"The default value: {error}", field=attribute["name"], rule="type"
            ) from error
