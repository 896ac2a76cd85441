"""Documents of GraphQL, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.serving import Served


def ask(served: Served, query: str, *, branch: str = "/main", **options: Any) -> dict[str, Any]:
    """Return the answer to a document, errors or not."""
    body = {"query": query, **({"variables": options.pop("variables")} if "variables" in options else {})}
    answer = served.client.post(f"/graphql{branch}", json=body, **options)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def data(served: Served, query: str, **options: Any) -> dict[str, Any]:
    """Return the data of a document that has no errors."""
    told = ask(served, query, **options)
    assert "errors" not in told, told
    found: dict[str, Any] = told["data"]
    return found


def error(served: Served, query: str, **options: Any) -> str:
    """Return the message of a document's only error."""
    (only,) = ask(served, query, **options)["errors"]
    message: str = only["message"]
    return message


def create(served: Served, name: str, **options: Any) -> str:
    """Create a node, and return its id."""
    query = "mutation ($n: String!) { TestNodeKindCreate(data: {name: {value: $n}}) { ok object { id } } }"
    id_: str = data(served, query, variables={"n": name}, **options)["TestNodeKindCreate"]["object"]["id"]
    return id_


def filled(document: str, what: str) -> str:
    """Return a document with something put in where it has a %s: it is too full of braces for more."""
    return document.replace("%s", what)
