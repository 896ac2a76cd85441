"""``provgraph artifacts``."""

from typing import Annotated

import typer

from provgraph.cli import connection, lists, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.lists import CHANGED, CountOnly, Descending, Everything, Filters, Page, PageSize, Sort


def artifacts(
    name: Annotated[str | None, typer.Option(help="The name contains this.", show_default=False)] = None,
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
    List artifacts.

    Properties are those that were stated first of an artifact, as Record Keeper has them, whatever later versions say;
    `provgraph state` shows the properties of the version.

    Fields: Name, Properties, CreatedAt.
    """
    wanted = lists.parse_filters(filters)
    if name is not None:
        wanted["Name"] = name
    with connection.connect(url, token) as client:
        if count:
            lists.say_count(client.artifacts_count(filters=wanted), as_json=as_json)
            return
        found = lists.fetch(
            client.artifacts,
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
        total = len(found) if everything else client.artifacts_count(filters=wanted)
    output.say_table_with_rare(
        ("FIRST SEEN (UTC)", "NAME", "FIRST STATED PROPERTIES", CHANGED),
        (
            (
                artifact["CreatedAt"],
                artifact["Name"],
                artifact["Properties"] or "",
                artifact.get("Changed") or "",
            )
            for artifact in found
        ),
    )
    lists.say_whereabouts(len(found), total, page=page, page_size=page_size)
