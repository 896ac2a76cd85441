"""``provgraph info``."""

from typing import Any

from provgraph.cli import connection, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.client import CredentialsRefusedError


def info(url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Show what the service is, what it asks for, and how far the graph has come."""
    with connection.connect(url, token) as client:
        facts: dict[str, Any] = {
            "url": client.url,
            "receiver": client.receiver_overview(),
            "query": client.query_overview(),
            "graph_builder": client.graph_overview(),
        }
        try:
            facts["admin"] = client.admin.overview()
        except CredentialsRefusedError:
            facts["admin"] = None
    if as_json:
        output.say_json(facts)
        return
    output.say(f"provgraph at {facts['url']}")
    for name, title in (("receiver", "Receiver"), ("query", "Query"), ("graph_builder", "Graph builder")):
        output.say_facts(title, facts[name])
    if facts["admin"] is None:
        output.note("Log, sizes and lag need an admin's credential (--token).")
    else:
        output.say_facts("Stores", facts["admin"])
