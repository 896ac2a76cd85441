"""
The synthetic work that everything under test gets, the question it is asked, and the right answer.

Event number ``i`` produces the artifact ``a<i>`` and, from the third on, uses two distinct earlier artifacts:

* ``uniform``: drawn from everything so far. The graph is wide and short: ten hops reach the first events.
* ``recent``: drawn from the 500 artifacts just before. The graph is long: ten hops never reach its beginning.

The draws come from fixed seeds, and the first n events of a longer run are those of a shorter one. The
question is, for 50 artifacts of the younger half: which artifacts lie upstream within ten hops?

Standard library only, so that a peer's own virtual environment can import it.
"""

from __future__ import annotations

import hashlib
import json
import random
import statistics
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Shape = Literal["uniform", "recent"]
SHAPES: tuple[Shape, ...] = ("uniform", "recent")

DEFAULT_COUNT = 20_000
DEPTH = 10
TARGETS = 50

_TYPES = ("INGEST", "CLEAN", "TRAIN", "EVALUATE", "DEPLOY")
FIRST_SECOND = 1_700_000_000
_RECENT = 500


class Event(NamedTuple):
    """One event. Its place in the work decides all of it but ``uses``: two artifact numbers, or none."""

    number: int
    uses: tuple[int, ...]

    @property
    def id(self) -> str:
        """32 hex digits, as a UUID has."""
        return identifier(f"event-{self.number}")

    @property
    def type(self) -> str:
        """One of five types in turn."""
        return _TYPES[self.number % len(_TYPES)]

    @property
    def emitter(self) -> str:
        """One of ten emitters in turn."""
        return f"emitter-{self.number % 10}"

    @property
    def time(self) -> int:
        """Seconds since 1970; events are one second apart."""
        return FIRST_SECOND + self.number

    @property
    def produces(self) -> int:
        """The number of the one artifact this event makes."""
        return self.number

    @property
    def predecessor(self) -> int | None:
        """The number of the event that made the younger of the two used artifacts."""
        return self.uses[-1] if self.uses else None

    @property
    def properties(self) -> dict[str, str]:
        """What the emitter says about the event."""
        number = self.number
        return {"step": str(number), "user": f"user-{number % 37}", "host": f"host-{number % 11}"}

    @property
    def artifact_properties(self) -> dict[str, str]:
        """What the emitter says about the artifact it makes."""
        digest = hashlib.sha256(b"artifact-%d" % self.number).hexdigest()
        return {"sha256": digest, "size": str(1000 + self.number)}


def identifier(name: str) -> str:
    """Make 32 hex digits of a name, always the same ones."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def artifact_name(number: int) -> str:
    """Give the name under which every system knows artifact ``number``."""
    return f"a{number}"


def artifact_number(name: str) -> int:
    """Give the number back that :func:`artifact_name` was given."""
    return int(name[1:])


def generate(count: int = DEFAULT_COUNT, *, shape: Shape = "uniform", seed: int = 7) -> list[Event]:
    """Make the first ``count`` events of the work in one of its two shapes."""
    draws = random.Random(f"{seed}/{shape}")  # noqa: S311 - the same work every time is the point
    window = _RECENT if shape == "recent" else count
    return [Event(number, tuple(_inputs(draws, number, window))) for number in range(count)]


def _inputs(draws: random.Random, number: int, window: int) -> list[int]:
    if number < 2:
        return []
    return sorted(draws.sample(range(max(0, number - window), number), 2))


def targets(count: int, *, how_many: int = TARGETS, seed: int = 11) -> list[int]:
    """Choose the artifacts to ask about, all from the younger half of ``count``, in ascending order."""
    draws = random.Random(seed)  # noqa: S311 - the same questions every time is the point
    return sorted(draws.sample(range(count // 2, count), how_many))


def upstream(events: Sequence[Event], start: int, *, depth: int = DEPTH) -> set[int]:
    """Answer the question by plain breadth-first search; ``start`` itself is not part of the answer."""
    seen = {start}
    frontier = seen
    for _ in range(depth):
        frontier = {used for number in frontier for used in events[number].uses} - seen
        if not frontier:
            break
        seen = seen | frontier
    return seen - {start}


def pem(event: Event) -> dict[str, Any]:
    """Say the event as Record Keeper's client says it: every field, tagged ``latest`` for its emitter."""
    predecessor = event.predecessor
    return {
        "ID": event.id,
        "Type": event.type,
        "Predecessor": None if predecessor is None else Event(predecessor, ()).id,
        "Emitter": event.emitter,
        "TimestampClient": datetime.fromtimestamp(event.time, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "Properties": event.properties,
        "Version": "2.0.0",
        "Tag": "latest",
        "TagNamespace": event.emitter,
        "UsesArtifacts": [_artifact(used, {}) for used in event.uses],
        "ProducesArtifacts": [_artifact(event.produces, event.artifact_properties)],
    }


def _artifact(number: int, properties: dict[str, str]) -> dict[str, Any]:
    return {"Name": artifact_name(number), "Properties": properties, "CreatedAt": None}


def pem_body(event: Event) -> bytes:
    """Write the event as the ASCII JSON that travels."""
    return json.dumps(pem(event)).encode("ascii")


def batches(events: Sequence[Event], size: int) -> Iterator[Sequence[Event]]:
    """Cut the work into runs of ``size`` events; the last may be shorter."""
    for start in range(0, len(events), size):
        yield events[start : start + size]


class Closures(NamedTuple):
    """How many artifacts the 50 right answers hold."""

    smallest: int
    median: float
    largest: int


# The work is compared between systems and over time, so a change to it must not go unnoticed.
_EXPECTED: dict[Shape, Closures] = {"uniform": Closures(89, 211.0, 378), "recent": Closures(873, 984.0, 1147)}


def closures(shape: Shape) -> Closures:
    """Answer the question for the default work and measure the answers."""
    events = generate(shape=shape)
    sizes = [len(upstream(events, target)) for target in targets(len(events))]
    return Closures(min(sizes), statistics.median(sizes), max(sizes))


def main() -> int:
    """Print the sizes of the right answers; 1 if they are not what they always were."""
    failed = 0
    for shape in SHAPES:
        found = closures(shape)
        right = found == _EXPECTED[shape]
        failed += not right
        verdict = "as expected" if right else f"EXPECTED {_EXPECTED[shape]}"
        sys.stdout.write(
            f"{shape}: artifacts upstream within {DEPTH} hops: "
            f"min {found.smallest}, median {found.median:g}, max {found.largest} ({verdict})\n"
        )
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
