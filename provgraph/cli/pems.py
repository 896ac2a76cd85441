"""``provgraph pems``."""

from typing import Annotated, Any

import typer

from provgraph import telling
from provgraph.cli import connection, lists, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.lists import CHANGED, CountOnly, Descending, Everything, Filters, Page, PageSize, Sort
from provgraph.events.recorder import called


def pems(
    type_: Annotated[
        str | None, typer.Option("--type", help="The type contains this.", show_default=False)
    ] = None,
    emitter: Annotated[
        str | None, typer.Option(help="The emitter contains this.", show_default=False)
    ] = None,
    filters: Filters = None,
    page: Page = 0,
    page_size: PageSize = 20,
    sort: Sort = None,
    desc: Descending = False,
    everything: Everything = False,
    count: CountOnly = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    List events.

    Fields: ID, Type, Emitter, Predecessor, TimestampClient, TimestampReceived, Properties, Version, Tag, TagNamespace,
    UsesArtifacts, ProducesArtifacts.
    """
    wanted = lists.parse_filters(filters)
    wanted |= {name: value for name, value in (("Type", type_), ("Emitter", emitter)) if value is not None}
    with connection.connect(url, token) as client:
        if count:
            lists.say_count(client.pems_count(filters=wanted), as_json=as_json)
            return
        found = lists.fetch(
            client.pems,
            filters=wanted,
            page=page,
            page_size=page_size,
            sort=sort,
            desc=desc,
            everything=everything,
        )
        if as_json:
            output.say_json(found)
            return
        total = len(found) if everything else client.pems_count(filters=wanted)
    output.say_table_with_rare(
        ("TIME (UTC)", "TYPE", "EMITTER", "ID", "USES", "PRODUCES", "OUTCOME", CHANGED, "RECORDED BY"),
        (
            (
                pem["TimestampClient"],
                pem["Type"],
                pem["Emitter"],
                pem["ID"],
                len(pem["UsesArtifacts"]),
                len(pem["ProducesArtifacts"]),
                telling.ended({"outcome": pem.get("Outcome"), "error": pem.get("Error")}),
                pem.get("Changed") or "",
                _recorder(pem),
            )
            for pem in found
        ),
        rare=3,
    )
    lists.say_whereabouts(len(found), total, page=page, page_size=page_size)


def _recorder(pem: dict[str, Any]) -> str:
    found = pem.get("RecordedBy")
    return "" if found is None else called({"id": found["ID"], "name": found["Name"]})
