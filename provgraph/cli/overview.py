"""``provgraph info``."""

from collections.abc import Callable
from typing import Any

from provgraph.cli import connection, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.client import CredentialsRefusedError, NotThereError

_PARTS = ("receiver", "query", "graph_builder", "admin")


def info(url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Show what the service is, what it asks for, and how far the graph has come."""
    with connection.connect(url, token) as client:
        facts: dict[str, Any] = {
            "url": client.url,
            "receiver": _if_served(client.receiver_overview),
            "query": _if_served(client.query_overview),
            "graph_builder": _if_served(client.graph_overview),
        }
        is_refused = False
        try:
            facts["admin"] = _if_served(client.admin.overview)
        except CredentialsRefusedError:
            facts["admin"], is_refused = None, True
        if not is_refused and not any(facts[name] for name in _PARTS):
            client.receiver_overview()  # says that there is nothing of ours at that address
    if as_json:
        output.say_json(facts)
        return
    output.say(f"provgraph at {facts['url']}")
    for name, title in (("receiver", "Receiver"), ("query", "Query"), ("graph_builder", "Graph builder")):
        if facts[name] is not None:
            output.say_facts(title, facts[name])
    if facts["admin"] is not None:
        output.say_facts("Stores", facts["admin"])
    elif is_refused:
        output.note("Log, sizes and lag need an admin's credential (--token).")
    if absent := [name for name in _PARTS if facts[name] is None and not (name == "admin" and is_refused)]:
        output.note(f"This process does not serve: {', '.join(absent)}.")


def _if_served(ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Return an answer, or None when the process does not serve that part: in production each serves some of them."""
    try:
        return ask()
    except NotThereError:
        return None
