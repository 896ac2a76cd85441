"""Names that are not there: the beginning of an id becomes the whole one, and names that are alike are told."""

from __future__ import annotations

import difflib
import re
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from provgraph.cli import output
from provgraph.cli.exits import UsageError
from provgraph.client import ClientError, NotThereError
from provgraph.errors import NotFoundError
from provgraph.joined import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from provgraph.client import Client

T = TypeVar("T")

SHORTEST = 4
_WHOLE = 32
_BEGINNING = re.compile(r"[0-9a-f]{4,31}")
_EVENT = "pem:"
_MOST = 5
_MOST_LOOKED_AT = 5_000


def short(ids: Iterable[str], *, least: int = 8) -> dict[str, str]:
    """Return for each id its beginning, as long as it takes to tell these apart."""
    listed = sorted(set(ids))
    found = {}
    for at, one in enumerate(listed):
        around = (*listed[max(at - 1, 0) : at], *listed[at + 1 : at + 2])
        alike = max((_alike(one, other) for other in around), default=0)
        found[one] = one[: max(least, alike + 1)]
    return found


def whole(stated: str, ids: Callable[[], Iterable[str]], *, what: str) -> str:
    """
    Return the one id that begins so; what cannot be the beginning of one, or already is one, as it was stated.

    :param ids: gives those that there are
    :raises NotFoundError: none begins so
    :raises UsageError: several do
    """
    beginning = _as_beginning(stated)
    if beginning is None:
        return stated
    found = sorted({one for one in ids() if one.startswith(beginning)})
    if not found:
        raise NotFoundError(f"There is no {what} whose id begins with {stated}")
    return _the_only(found, stated, what=what)


def asked(client: Client, node: str, ask: Callable[[str], T]) -> T:
    """
    Return what ``ask`` makes of a node. An event may be named by the beginning of its id.

    ``ask`` is called once more where that is so: it must not have printed anything when nothing was found.

    :raises NotFoundError: the node is not there; the text has names that are like it
    :raises UsageError: several ids begin so
    """
    try:
        return ask(node)
    except NotThereError as error:
        completed = _completed(client, node)
        if completed is None:
            raise NotFoundError(f"{str(error).rstrip('.')}{_suggested(client, node)}") from error
    output.note(f"{node} is event {completed}.")
    return ask(f"{_EVENT}{completed}")


def asked_of_two(client: Client, source: str, target: str, ask: Callable[[str, str], T]) -> T:
    """Return what ``ask`` makes of two nodes; see `asked`. It is the service that says which one is not there."""

    def with_source(stated: str) -> T:
        try:
            return ask(stated, target)
        except NotThereError as error:
            if error.problem.get("field") != "target":
                raise
        return asked(client, target, lambda node: ask(stated, node))

    return asked(client, source, with_source)


def _completed(client: Client, node: str) -> str | None:
    beginning = _as_beginning(node.removeprefix(_EVENT))
    if beginning is None:
        return None
    try:
        listed = client.pems(filters={"ID": beginning}, page_index=0, page_size=_MOST_LOOKED_AT)
    except ClientError:
        return None
    found = sorted({pem["ID"] for pem in listed if pem["ID"].startswith(beginning)})
    return _the_only(found, node, what="event") if found else None


def _the_only(found: Sequence[str], stated: str, *, what: str) -> str:
    if len(found) == 1:
        return found[0]
    shown = ", ".join(found[:_MOST]) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")
    raise UsageError(f"Several {what}s have ids that begin with {stated}: {shown}")


def _suggested(client: Client, node: str) -> str:
    """Return names that are like one that is not there, as the end of a sentence."""
    kind, _, rest = node.partition(":")
    if kind == "pem":
        return "."
    try:
        if kind == "tag" and rest:
            found = [f"tag:{joined((tag['NamespaceID'], tag['Tag']))}" for tag in client.tags()]
            return like(node, found)
        stated = (rest if kind == "artifact" and rest else node).rpartition("@")[0] or rest or node
        return like(stated, _artifacts(client, stated))
    except ClientError:
        return "."


def like(stated: str, names: Iterable[str]) -> str:
    """Return those of some names that are like one that is not there, as the end of a sentence."""
    known = list(islice(names, _MOST_LOOKED_AT))
    lower = stated.casefold()
    held = [name for name in known if lower in name.casefold()]
    # The lists may have what the graph has not, or not yet: nobody means what they have just typed.
    alike = difflib.get_close_matches(stated, known, n=_MOST, cutoff=0.6)
    found = [name for name in dict.fromkeys((*alike, *held)) if name != stated][:_MOST]
    return f". Did you mean {', '.join(map(output.printable, found))}?" if found else "."


def _artifacts(client: Client, stated: str) -> list[str]:
    """Return names of artifacts to look through: those that hold this one, else those that begin as it does."""
    beginning, slash, _ = stated.partition("/")
    for part in (stated, f"{beginning}{slash}", None):
        filters = {} if part is None else {"Name": part}
        listed = client.artifacts(filters=filters, page_index=0, page_size=_MOST_LOOKED_AT)
        if listed:
            return [artifact["Name"] for artifact in listed]
    return []


def _as_beginning(stated: str) -> str | None:
    plain = stated.lower().replace("-", "")
    return plain if _BEGINNING.fullmatch(plain) else None


def _alike(one: str, other: str) -> int:
    """Return how many characters at the beginning are the same."""
    return next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
