"""From what was sent to what is stored: check, append, and say what the log made of it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import orjson
from msgspec import UNSET, convert
from starlette.concurrency import run_in_threadpool

from provgraph.errors import ConflictError, EmitterError, InvalidInputError, TooLargeError
from provgraph.eventlog import Verdict
from provgraph.events import arrays, canonical, fieldnames
from provgraph.events.canonical import loads
from provgraph.events.unkept import Unkept, is_kept, unkept
from provgraph.families.pem.events import accept, event_id
from provgraph.wire.events import EventResult, EventResults, EventWarning
from receiver import batches
from receiver.tagmoves import check_move

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from provgraph.eventlog import Appended
    from provgraph.events import NewEvent
    from provgraph.families.credential.emitters import Sender
    from provgraph.families.pem.events import Pem
    from provgraph.http import Services
    from provgraph.wire.events import VerdictWord

INVALID: Final = "invalid"
_WORDS: Mapping[Verdict, VerdictWord] = {
    Verdict.ACCEPTED: "accepted",
    Verdict.DUPLICATE: "duplicate",
    Verdict.CONFLICT: "conflict",
}
# Checking is work on the event loop: let other requests go on after so many events.
_CHECKED_AT_ONCE = 100
# Reading is, too: what is longer, in bytes, is read beside it.
_READ_AT_ONCE = 1_000_000
# So many of the events of a batch that are invalid are told, the others counted.
_TOLD = 10
# So is a long event that is read by itself; more than that together is several pieces of work.
_LONG_EVENT = 100_000
_LONG_PART = 1_000_000
# A large body is appended in several transactions, so that others get their turn between them.
_APPENDED_AT_ONCE = 2_000

_NEITHER = "The body is neither a JSON array of events nor one event"

_Item = TypeVar("_Item")


class _Checked(NamedTuple):
    """One event of a batch: ready for the log, or what is wrong with it."""

    event: NewEvent[Pem] | None
    stated_id: str | None = None
    error: InvalidInputError | EmitterError | None = None
    warnings: tuple[Unkept, ...] = ()


class _Tally:
    """
    The verdicts on a batch, as they are answered.

    Of what is invalid the first ten are told and the others counted: an answer is not much longer than what was sent.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.results: list[EventResult] = []
        self.counts: dict[str, int] = dict.fromkeys((*Verdict, INVALID), 0)
        self.position = 0  # of the last event that was accepted

    def refused(self, checked: _Checked) -> None:
        """Note an event that is invalid."""
        self.counts[INVALID] += 1
        if self.counts[INVALID] <= _TOLD:
            self.results.append(_warned(_refused(self.seen, checked), checked))
        self.seen += 1

    def judged(self, checked: _Checked, appended: Appended) -> None:
        """Note what the log made of an event."""
        self.counts[appended.verdict] += 1
        if appended.verdict is Verdict.ACCEPTED:
            self.position = appended.recorded.position
        self.results.append(_warned(_judged(self.seen, appended), checked))
        self.seen += 1


class Ingest:
    """Takes events in on behalf of the receiver's routes."""

    def __init__(self, services: Services) -> None:
        self._writer = services.writer
        self._catalog = services.catalog
        self._log = services.log
        self._metrics = services.metrics
        self._size_limit = services.settings.pem_size_limit

    async def one(self, body: bytes, sender: Sender) -> NewEvent[Pem]:
        """
        Store the one event that a body is, by Record Keeper's rules, and return it.

        :raises InvalidInputError: not JSON, or it breaks a rule of the event model
        :raises EmitterError: the sender may not speak for its emitter
        :raises ConflictError: its id is known with other content
        """
        try:
            # A field that Record Keeper's door does not know is kept, whatever it says.
            event = _accepted(
                loads(body), sender, any_outcome=True, listed_once=True, timestamp_required=True
            )
            if moved := _moved_tags([event], sender):
                await run_in_threadpool(self._check_tag, moved[0], sender)
        except (InvalidInputError, EmitterError):
            self._metrics.count_verdicts(INVALID)
            raise
        (appended,) = await self._writer.append((event,))
        self._metrics.count_verdicts(appended.verdict)
        if appended.verdict is Verdict.CONFLICT:
            raise ConflictError(_conflict(event.event_id))
        return event

    async def array(self, body: bytes, sender: Sender) -> EventResults:
        """
        Store the events of a JSON array, or the one that is a JSON object; see `_store` for the answer.

        An event that cannot be read does not keep the others out: each gets the verdict that it would get as a line.

        :raises InvalidInputError: the body as a whole is neither
        :raises BatchTooLongError: it has more items than a batch may have
        """
        if batches.may_be_crowded(body):
            await run_in_threadpool(batches.check_array, body)
            events = None
        else:
            is_small = len(body) <= _READ_AT_ONCE
            events = _as_they_are(body) if is_small else await run_in_threadpool(_as_they_are, body)
        if events is None:
            texts = await _taken_apart(body)
            return await self._store(
                _text_parts(texts), lambda text: self._read(text, sender, size=None), sender
            )
        batches.check_count(len(events))
        return await self._store(
            _parts(events), lambda fields: self._check(fields, sender, size=None), sender
        )

    async def lines(self, body: bytes, sender: Sender) -> EventResults:
        """
        Store the events that are one a line (blank lines do not count); see `_store` for the answer.

        :raises BatchTooLongError: there are more lines than a batch may have
        """
        lines = batches.lines(body)
        return await self._store(_text_parts(lines), lambda line: self._check_line(line, sender), sender)

    async def _store(
        self, parts: Iterator[Sequence[_Item]], check: Callable[[_Item], _Checked], sender: Sender
    ) -> EventResults:
        """
        Append what can be, in order, and answer with a verdict for each event.

        Whoever gets an error instead may send the same again: what was stored meanwhile counts as duplicates.
        """
        tally = _Tally()
        waiting: list[_Checked] = []
        for part in parts:
            checked = await _checked(part, check)
            waiting += await self._without_foreign_tags(checked, sender)
            if len(waiting) >= _APPENDED_AT_ONCE:
                await self._append(waiting, tally)
                waiting = []
            else:
                await asyncio.sleep(0)
        await self._append(waiting, tally)
        return self._answer(tally)

    async def _append(self, checked: Sequence[_Checked], tally: _Tally) -> None:
        events = [one.event for one in checked if one.event is not None]
        verdicts = iter(await self._writer.append(events) if events else ())
        for one in checked:
            if one.event is None:
                tally.refused(one)
            else:
                tally.judged(one, next(verdicts))

    def _answer(self, tally: _Tally) -> EventResults:
        counts = tally.counts
        for verdict, count in counts.items():
            if count:
                self._metrics.count_verdicts(verdict, count)
        return EventResults(
            results=tally.results,
            accepted=counts[Verdict.ACCEPTED],
            duplicates=counts[Verdict.DUPLICATE],
            conflicts=counts[Verdict.CONFLICT],
            invalid=counts[INVALID],
            position=tally.position or self._log.head().position,
        )

    def _check_line(self, line: bytes, sender: Sender) -> _Checked:
        if len(line) > self._size_limit:
            return _Checked(None, None, self._too_large(len(line)))
        return self._read(line, sender, size=len(line))

    def _read(self, text: bytes, sender: Sender, *, size: int | None) -> _Checked:
        """Check one event as it was sent; see `_check`."""
        try:
            fields = loads(text)
        except InvalidInputError as error:
            return _Checked(None, _id_in(text), error)
        checked = self._check(fields, sender, size=size)
        warnings = unkept(text, fields)
        return checked if not warnings else checked._replace(warnings=(*warnings, *checked.warnings))

    def _check(self, fields: object, sender: Sender, *, size: int | None) -> _Checked:
        """Check one event; ``size`` is how long it was as sent, None when that is not known."""
        try:
            event = _accepted(fields, sender)
        except (InvalidInputError, EmitterError) as error:
            return _Checked(None, _stated_id(fields), error)
        if size is None and len(event.payload) > self._size_limit:
            return _Checked(None, event.event_id, self._too_large(len(event.payload)))
        return _Checked(event, warnings=fieldnames.mistaken(fields))

    async def _without_foreign_tags(self, part: list[_Checked], sender: Sender) -> list[_Checked]:
        """Refuse those that would take a tag from a PEM of an emitter that is reserved for others."""
        moving = _moved_tags([one.event for one in part if one.event is not None], sender)
        if not moving:
            return part
        refused = await run_in_threadpool(self._refused_moves, moving, sender)
        return [one if one.event is None else refused.get(one.event, one) for one in part]

    def _refused_moves(
        self, moving: Sequence[NewEvent[Pem]], sender: Sender
    ) -> dict[NewEvent[Pem], _Checked]:
        refused: dict[NewEvent[Pem], _Checked] = {}
        for event in moving:
            try:
                self._check_tag(event, sender)
            except EmitterError as error:
                refused[event] = _Checked(None, event.event_id, error)
        return refused

    def _check_tag(self, event: NewEvent[Pem], sender: Sender) -> None:
        pem = event.content
        try:
            check_move(self._catalog, sender, namespace=pem.tag_namespace or "", tag=pem.tag or "")
        except EmitterError:
            # What is stored already moves nothing when it comes again: the log tells what became of it.
            if self._catalog.pem(pem.id) is None:
                raise

    def _too_large(self, size: int) -> InvalidInputError:
        return InvalidInputError(str(TooLargeError(size=size, limit=self._size_limit)), rule="size")


def _accepted(
    fields: object,
    sender: Sender,
    *,
    any_outcome: bool = False,
    listed_once: bool = False,
    timestamp_required: bool = False,
) -> NewEvent[Pem]:
    event = accept(
        fields,
        sender.id,
        any_outcome=any_outcome,
        listed_once=listed_once,
        timestamp_required=timestamp_required,
    )
    if sender.is_limited:
        pem = event.content
        sender.check(pem.emitter)
    return event


def _moved_tags(events: Sequence[NewEvent[Pem]], sender: Sender) -> list[NewEvent[Pem]]:
    """Return the events that may take a tag from where it must stay."""
    return [event for event in events if event.content.tag] if sender.reserved else []


def _as_they_are(body: bytes) -> list[Any] | None:
    """
    Return the items of an array that were read as they were sent; None when one of them needs a closer look.

    :raises InvalidInputError: JSON, but neither an array nor an object
    """
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(events) is dict:
        events = [events]
    if type(events) is not list:
        raise InvalidInputError(_NEITHER, rule="array")
    return events if canonical.is_plain(body) and is_kept(body, events) else None


async def _taken_apart(body: bytes) -> Sequence[bytes]:
    """
    Return the items of an array as texts; of an object, that one.

    :raises InvalidInputError: neither
    :raises BatchTooLongError: it has more items than a batch may have
    """
    found = await run_in_threadpool(arrays.items, body)
    if found is not None:
        batches.check_count(len(found))
        return found
    try:
        value = loads(body)  # says what is wrong with it
    except InvalidInputError as error:
        if body.lstrip()[:1] != b"{":
            raise
        if error.rule == "json":
            raise InvalidInputError(f"{error}{_as_lines(body)}", rule=error.rule) from error
        value = {}  # JSON, with something in it that no event may hold: that is the verdict on the event
    if type(value) is not dict:
        raise InvalidInputError(_NEITHER, rule="array")
    return [body.strip()]


def _as_lines(body: bytes) -> str:
    """Return what to do about a body that is one event a line, and does not say so."""
    lines = [line for line in body.split(b"\n", 2) if line.strip()]
    is_lines = len(lines) > 1 and all(line.lstrip()[:1] == b"{" for line in lines[:2])
    return ". One event a line is sent with Content-Type: application/x-ndjson" if is_lines else ""


async def _checked(part: Sequence[_Item], check: Callable[[_Item], _Checked]) -> list[_Checked]:
    def checked() -> list[_Checked]:
        return [check(one) for one in part]

    first = part[0] if part else None
    is_long = isinstance(first, bytes) and len(first) > _LONG_EVENT
    return await run_in_threadpool(checked) if is_long else checked()


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _CHECKED_AT_ONCE):
        yield items[start : start + _CHECKED_AT_ONCE]


def _text_parts(texts: Sequence[bytes]) -> Iterator[list[bytes]]:
    # What is read beside the event loop begins a part of its own.
    part: list[bytes] = []
    size = 0
    for text in texts:
        if part and (
            len(part) == _CHECKED_AT_ONCE or size + len(text) > _LONG_PART or len(text) > _LONG_EVENT
        ):
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    yield part


def _judged(index: int, appended: Appended) -> EventResult:
    recorded = appended.recorded
    result = EventResult(
        index=index,
        ID=recorded.event_id,
        verdict=_WORDS[appended.verdict],
        position=recorded.position,
    )
    if appended.verdict is Verdict.CONFLICT:
        result.detail = _conflict(recorded.event_id)
    return result


def _warned(result: EventResult, checked: _Checked) -> EventResult:
    if checked.warnings:
        result.warnings = [convert(warning.members(), EventWarning) for warning in checked.warnings]
    return result


def _refused(index: int, checked: _Checked) -> EventResult:
    members = {} if checked.error is None else checked.error.members
    field, rule = members.get("field", UNSET), members.get("rule", UNSET)
    return EventResult(
        index=index,
        ID=checked.stated_id,
        verdict=INVALID,
        field=field if isinstance(field, str) else UNSET,
        rule=rule if isinstance(rule, str) else UNSET,
        detail=str(checked.error),
    )


def _id_in(text: bytes) -> str | None:
    """Return the id in a text that cannot be taken, if a reader that takes nearly anything finds it."""
    if canonical.may_hold_too_much(text):
        return None
    try:
        return _stated_id(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _stated_id(fields: object) -> str | None:
    try:
        return event_id(fields.get("ID")) if isinstance(fields, dict) else None
    except InvalidInputError:
        return None


def _conflict(id_: str) -> str:
    return f"Event {id_} is stored already with other content; the stored one stands"
