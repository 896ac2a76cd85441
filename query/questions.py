"""
The parameters of our own questions: which there are, and reading them from a query string.

The endpoints read them themselves: FastAPI's way takes a tenth of the time of a short answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidInputError
from provgraph.lineage.request import LARGEST_DEPTH
from provgraph.lineage.times import FORMS, Clocks
from query.params import form, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provgraph.http import Services

DEFAULT_SECONDS = 20
MOST_SECONDS = 60
# How much of an answer is wanted, and in which form: pages of one question may differ in these.
_NOT_THE_QUESTION = frozenset({"cursor", "limit", "wait", "seconds", "format", "list", "details"})


class Parameter(NamedTuple):
    """A parameter of a question, as OpenAPI describes it."""

    name: str
    schema: Mapping[str, object]
    description: str
    example: object = None
    required: bool = False
    repeatable: bool = False

    def described(self) -> dict[str, Any]:
        """Return its description for the OpenAPI document."""
        # What is one of several words is a text, too.
        stated = {"type": "string", **self.schema}
        schema = {"type": "array", "items": stated} if self.repeatable else stated
        described = {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "schema": schema,
            "description": self.description,
        }
        if self.example is not None:
            described["example"] = [self.example] if self.repeatable else self.example
        return described


class Given:
    """What a query string says."""

    def __init__(self, pairs: Sequence[tuple[str, str]], known: Mapping[str, Parameter]) -> None:
        """
        Take names and values.

        :param known: the parameters that the route has, by name
        :raises InvalidInputError: one is unknown, or stands there twice and may not
        """
        self._pairs = pairs
        self._values = dict(pairs)
        for name in self._values:
            if name not in known:
                # A typo must not answer another question than the one that was meant.
                raise InvalidInputError(
                    f"Unknown parameter {name[:40]}; allowed are {', '.join(known)}",
                    field=name,
                    rule="known-parameter",
                )
        if len(self._values) < len(pairs):
            _refuse_repeated(pairs, known)

    def has_any_of(self, names: Iterable[str]) -> bool:
        """Tell whether one of these parameters is stated."""
        return not self._values.keys().isdisjoint(names)

    def text(self, name: str) -> str | None:
        """Return a parameter as it is stated, None when it is absent."""
        return self._values.get(name)

    def texts(self, name: str) -> frozenset[str]:
        """Return every value of a parameter that may be repeated."""
        return frozenset(value for stated, value in self._pairs if stated == name)

    def required(self, name: str, forms: str) -> str:
        """
        Return a parameter that must be there.

        :param forms: what may be written there
        :raises InvalidInputError: it is absent or empty
        """
        value = self._values.get(name)
        if not value:
            raise InvalidInputError(f"{name} is missing: {forms}", field=name, rule="required")
        return value

    def node(self, name: str = "node") -> str:
        """
        Return a parameter that names a node.

        :raises InvalidInputError: it is absent or empty
        """
        return self.required(name, NODE_FORMS)

    def number(self, name: str, *, at_least: int = 1, at_most: int | None = None) -> int | None:
        """
        Return a parameter that is a whole number, None when it is absent.

        :raises InvalidInputError: it is none, too small or too large
        """
        return number(self._values, name, at_least=at_least, at_most=at_most)

    def depth(self) -> int | None:
        """
        Return how many events to walk over, None for all.

        :raises InvalidInputError: it is no whole number, or out of bounds
        """
        return self.number("depth", at_most=LARGEST_DEPTH)

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """
        Return a parameter that is one of several words.

        :raises InvalidInputError: it is another
        """
        value = self._values.get(name, default)
        if value not in options:
            listed = ", ".join(options[:-1])
            raise InvalidInputError(
                f"{name} must be {listed} or {options[-1]}: {value[:40]!r}", field=name, rule=name
            )
        return value

    def seconds(self) -> int:
        """
        Return how long the answer may be looked for.

        :raises InvalidInputError: it is no whole number of seconds, or too many
        """
        return self.number("seconds", at_most=MOST_SECONDS) or DEFAULT_SECONDS

    @property
    def question(self) -> list[tuple[str, str]]:
        """What makes it the same question, whichever page of the answer is asked for."""
        return sorted(pair for pair in self._pairs if pair[0] not in _NOT_THE_QUESTION)


class Times(NamedTuple):
    """The two clocks of a question, read."""

    as_of_us: int | None
    known_at: int | None


def read(query_string: bytes, known: Mapping[str, Parameter]) -> Given:
    """
    Read a query string.

    :param known: the parameters that the route has, by name
    :raises InvalidInputError: not UTF-8, a parameter that is unknown, or one that stands there twice and may not
    """
    return Given(form(query_string), known)


def times(given: Given, clocks: Clocks) -> Times:
    """
    Return what ``as_of`` and ``known_at`` say. Looks into the log, so it is nothing for the event loop.

    :raises InvalidInputError: one of them is no time
    """
    as_of, known_at = given.text("as_of"), given.text("known_at")
    return Times(
        None if as_of is None else clocks.occurred(as_of, field="as_of"),
        None if known_at is None else clocks.recorded(known_at, field="known_at"),
    )


def window(given: Given, clocks: Clocks) -> tuple[int | None, int | None]:
    """
    Return what ``from`` and ``to`` say, on the emitters' clocks. Looks into the log.

    :raises InvalidInputError: one of them is no time, or they are the wrong way round
    """
    begin, end = given.text("from"), given.text("to")
    from_us = None if begin is None else clocks.occurred(begin, field="from")
    to_us = None if end is None else clocks.occurred(end, field="to")
    if from_us is not None and to_us is not None and from_us > to_us:
        raise InvalidInputError(
            f"from={begin} is after to={end}: nothing is between them", field="from", rule="before-to"
        )
    return from_us, to_us


def clocks_of(services: Services) -> Clocks:
    """Return what reads the times of one question, all against the same present."""
    return Clocks(services.log)


def by_name(*parameters: Parameter) -> dict[str, Parameter]:
    """Return parameters by name, in this order."""
    return {parameter.name: parameter for parameter in parameters}


def limit(what: str, *, default: int, most: int) -> Parameter:
    """Return the parameter that bounds an answer."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Parameter("limit", schema, f"most {what} in one answer")


def _refuse_repeated(pairs: Iterable[tuple[str, str]], known: Mapping[str, Parameter]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen and not known[name].repeatable:
            raise InvalidInputError(f"{name} stands there more than once", field=name, rule="once")
        seen.add(name)


_TEXT = {"type": "string"}
_DEPTH = {"type": "integer", "minimum": 1, "maximum": LARGEST_DEPTH}
NODE_FORMS = "artifact:NAME, pem:ID, tag:NAMESPACE/TAG, or bare"

NODE = Parameter(
    "node",
    _TEXT,
    "`artifact:NAME`, `pem:ID`, `tag:NAMESPACE/TAG`, or bare: an event id if one is known under it, else an artifact's "
    "name, which may end in `@VERSION`",
    "artifact:model/churn",
    required=True,
)
VERSION = Parameter(
    "version", _TEXT, "start from this version of the artifact: a label, or the id of the producing event"
)
DEPTH = Parameter("depth", _DEPTH, "events to walk over; absent: all")
AS_OF = Parameter(
    "as_of",
    _TEXT,
    f"count only what had occurred by then, on the emitters' clocks: {FORMS}",
    "2026-03-01T12:00:00Z",
)
KNOWN_AT = Parameter(
    "known_at",
    _TEXT,
    "count only what had been recorded by then, on the log's clock: a time in the same forms, or a log position",
    "yesterday",
)
TYPE = Parameter("type", _TEXT, "list only events of this type; may be repeated", repeatable=True)
EMITTER = Parameter("emitter", _TEXT, "list only events of this emitter; may be repeated", repeatable=True)
FROM = Parameter("from", _TEXT, "list only events that occurred at this time or after it", "now-7d")
TO = Parameter("to", _TEXT, "list only events that occurred at this time or before it", "now")
CURSOR = Parameter("cursor", _TEXT, "from the answer before; the other parameters are to be repeated with it")
WAIT = Parameter(
    "wait",
    {"type": "integer", "minimum": 0},
    "a log position: wait, at most 30 s, until the graph has it",
)
SECONDS = Parameter(
    "seconds",
    {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS, "default": DEFAULT_SECONDS},
    "give what was found after so many seconds, with the reason `time`",
)
