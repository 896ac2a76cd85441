"""What the commands that print lists have in common: filters, order, paging."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from provgraph.cli import output

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="FIELD=VALUE: the field contains the value. Several must all match.",
        show_default=False,
    ),
]
Page = Annotated[int, typer.Option(help="Page to show, from 0.", min=0)]
PageSize = Annotated[int, typer.Option(help="Entries on a page.", min=1)]
Sort = Annotated[
    str | None, typer.Option(help="Field to sort by; else order of arrival.", show_default=False)
]
Descending = Annotated[bool, typer.Option("--desc", help="Largest or latest first.")]
Everything = Annotated[bool, typer.Option("--all", help="The whole list instead of a page.")]
CountOnly = Annotated[bool, typer.Option("--count", help="Only how many match.")]

# The heading of a column that says why it was accepted that an event was changed after it was recorded.
CHANGED = "EVENT CHANGED, ACCEPTED"

# The same of a line that is no row.
CHANGED_FACT = "event changed"

Fetch = Callable[..., list[dict[str, Any]]]


def accepted(change: Mapping[str, Any] | None) -> str:
    """Return why it was accepted that an event was changed, for such a column; nothing where none was."""
    return "" if change is None else str(change["reason"])


def parse_filters(stated: Sequence[str] | None) -> dict[str, str]:
    """
    Return filters by field.

    :raises typer.BadParameter: one is not FIELD=VALUE
    """
    filters = {}
    for text in stated or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{text!r} is not FIELD=VALUE", param_hint="--filter")
        filters[name] = value
    return filters


def say_count(count: int, *, as_json: bool) -> None:
    """Print a number alone."""
    if as_json:
        output.say_json({"count": count})
    else:
        output.say(str(count))


def fetch(
    fetch_page: Fetch,
    *,
    filters: dict[str, str],
    page: int,
    page_size: int,
    sort: str | None,
    desc: bool,
    everything: bool,
) -> list[dict[str, Any]]:
    """Return the entries that the options ask for."""
    return fetch_page(
        filters=filters,
        page_index=None if everything else page,
        page_size=None if everything else page_size,
        sort_field=sort,
        sort_order=("desc" if desc else "asc") if sort else None,
    )


def say_whereabouts(shown: int, of: int, *, page: int, page_size: int) -> None:
    """Say which part of a list was printed, and how to see the rest."""
    first = page * page_size
    if shown == of:
        output.note(f"{of} in all")
    elif first + shown < of:
        output.note(f"{first + 1} to {first + shown} of {of}; next: --page {page + 1}, everything: --all")
    else:
        output.note(
            f"{first + 1} to {first + shown} of {of}" if shown else f"nothing on page {page}, {of} in all"
        )
