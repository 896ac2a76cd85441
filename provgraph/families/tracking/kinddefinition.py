"""The definition of a kind of tracked objects, as far as it has a form of its own: Infrahub's, in its schema files."""

from __future__ import annotations

from provgraph.errors import InvalidInputError


def require_kind(definition: object, path: str) -> None:
    """
    Refuse what is no definition of a kind.

    :param path: where it stands, for the error
    :raises InvalidInputError: it has no namespace or name, or one of its attributes or relationships has none
    """
    if not isinstance(definition, dict):
        raise InvalidInputError(f"{path} is not an object", field=path, rule="object")
    for member in ("namespace", "name"):
        if not isinstance(definition.get(member), str) or not definition[member]:
            raise InvalidInputError(f"{path} has no {member}", field=f"{path}.{member}", rule="required")
    for member in ("attributes", "relationships"):
        for index, part in enumerate(definition.get(member) or []):
            if not isinstance(part, dict) or not isinstance(part.get("name"), str):
                raise InvalidInputError(
                    f"{path}.{member}[{index}] has no name", field=f"{path}.{member}", rule="required"
                )
