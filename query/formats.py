"""Answers in the formats of `provgraph.exports`."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from provgraph.errors import InvalidInputError
from provgraph.exports import FORMATS
from query.questions import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from query.questions import Given

TEXT = "text"
# Ten times as many nodes take over a gigabyte.
_MOST_NODES_AS_PROV = 10_000
_AS_PROV = frozenset({"prov-json", "prov-n"})
_UNSAFE_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_STEM = 80
_DIGEST_DIGITS = 12


# What the formats are but for JSON, as shapes of answers.
FILES: Mapping[str, object] = {
    each.media_type: dict[str, Any] if each.name == "ndjson" else str  # the lines are objects
    for each in FORMATS.values()
    if each.media_type != "application/json"
}


def parameter(description: str, *also: str) -> Parameter:
    """
    Return the parameter that chooses a format.

    :param also: names of formats that this answer has beside those of lineage
    """
    own = "`prov-json` and `node-link` are JSON in forms of their own"
    return Parameter("format", {"enum": [*also, *FORMATS], "default": "json"}, f"{description}; {own}")


def chosen(given: Given, *also: str, limit: int) -> str | None:
    """
    Return the format that is wanted, None when none is stated.

    :param also: names of formats that this answer has beside those of lineage
    :param limit: how many nodes the answer may have
    :raises InvalidInputError: there is no such format, or not for so large an answer
    """
    if given.text("format") is None:
        return None
    name = given.choice("format", (*also, *FORMATS), "json")
    if name in _AS_PROV and limit > _MOST_NODES_AS_PROV:
        raise InvalidInputError(
            f"limit must be at most {_MOST_NODES_AS_PROV:,} with format={name}; page through the answer as JSON and "
            "put it into that format with provgraph.exports",
            field="limit",
            rule=f"1-to-{_MOST_NODES_AS_PROV}",
        )
    return name


def _stem(title: str, kind: str, id_: str) -> str:
    """
    Return how a file is called, in a way that any system takes.

    A ``/`` becomes ``_``. Where the name cannot be read back from that, a digest tells it from others.
    """
    whole = f"{title}-{id_}"
    stem = _UNSAFE_IN_A_FILE_NAME.sub("_", whole)[:_LONGEST_STEM]
    if stem.replace("_", "/") == whole:
        return stem
    digest = hashlib.sha256(f"{kind}:{id_}".encode(errors="surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
    return f"{stem}-{digest}"


def rendered(answer: Mapping[str, Any], name: str, *, title: str) -> Response:
    """
    Return an answer as a file in a format.

    :param answer: in the form of lineage
    :param title: what the file's name begins with
    :raises MissingLibraryError: the format needs a library that is not installed
    """
    chosen_format = FORMATS[name]
    stem = _stem(title, answer["node"]["kind"], answer["node"]["id"])
    return Response(
        chosen_format.render(answer),
        media_type=chosen_format.media_type,
        headers={"Content-Disposition": f'attachment; filename="{stem}{chosen_format.suffix}"'},
    )
