"""
What kind of thing an artifact is: a model, data, a source.

An event may say it (`Kind`); else a property ``kind`` of the artifact does; else its name, by patterns that an operator
may set. What nothing says is "artifact".
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

import orjson

from provgraph.errors import SettingsError
from provgraph.settings import ARTIFACT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

UNKNOWN = "artifact"


class Kinds:
    """Says what kind of thing an artifact is."""

    def __init__(self, patterns: str = ARTIFACT_KINDS) -> None:
        """
        Read patterns: ``NAME-PATTERN=KIND`` with commas between them; the first that fits a name counts.

        ``*`` stands for any text and ``?`` for one character.

        :raises SettingsError: one of them is none
        """
        self._patterns = list(_read(patterns))

    def of(self, name: str, *, stated: str | None = None, properties: Iterable[str] = ()) -> str:
        """
        Return the kind of an artifact.

        :param stated: what the event said of it
        :param properties: JSON texts that describe it; the first that has a ``kind`` counts
        """
        if stated:
            return stated
        for text in properties:
            if '"kind"' in text:
                kind = orjson.loads(text).get("kind")
                if isinstance(kind, str) and kind:
                    return kind
        return next((kind for fits, kind in self._patterns if fits.match(name)), UNKNOWN)


def _read(patterns: str) -> Iterable[tuple[re.Pattern[str], str]]:
    for text in filter(None, map(str.strip, patterns.split(","))):
        pattern, equals, kind = map(str.strip, text.rpartition("="))
        if not (pattern and equals and kind):
            raise SettingsError(
                f"PROVGRAPH_ARTIFACT_KINDS: {text!r} is not NAME-PATTERN=KIND, such as model/*=model"
            )
        yield re.compile(translate(pattern)), kind
