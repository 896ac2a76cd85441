"""What a delivery owes its client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from provgraph.client.shown import Shown
from provgraph.telling import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provgraph.client.answers import SendResult
    from provgraph.client.base import Asker
    from provgraph.client.pems import Encoded


@dataclass(frozen=True, slots=True)
class Flushed(Shown):
    """What became of the events (and tags) that were handed in since the flush before, or since the beginning."""

    delivered: int  # the service has them for good
    refused: int  # the service judged them and did not take them
    left: int  # neither: still waiting to be sent
    waiting: int = 0  # in the spool altogether, those of other clients too
    reason: str | None = None  # why some are left, or wait, as far as known

    def brief(self) -> str:
        """See `Shown.brief`."""
        others = f", {self.waiting} waiting in all" if self.waiting > self.left else ""
        why = f": {printable(self.reason)}" if self.reason else ""
        return f"{self.delivered} delivered, {self.refused} refused, {self.left} left{others}{why}"

    @property
    def complete(self) -> bool:
        """Whether the service has everything, what other clients left in the same spool included."""
        return self.left == 0 and self.refused == 0 and self.waiting == 0


@dataclass(frozen=True, slots=True)
class Connect:
    """Called, it makes a client of the service at ``url``, whose caller closes it."""

    url: str
    make: Callable[[], Asker]

    def __call__(self) -> Asker:
        """Make one."""
        return self.make()


class Delivery(Protocol):
    """Takes events from a client. Its methods may be called by several threads."""

    def open(self, connect: Connect) -> None:
        """
        Get ready; called once, by the client that it was given to.

        :param connect: makes a client of the service, for this delivery alone, which closes it; knows its ``url``
        :raises DeliveryError: it cannot be used
        """

    def send(self, events: Sequence[Encoded]) -> SendResult:
        """
        Take events, all of them or none.

        :raises DeliveryError: it took none
        """

    def set_tag(self, namespace: str, tag: str, event_id: str) -> None:
        """
        Take a tag, which is set after the events that were taken before.

        :raises DeliveryError: it did not take it
        """

    def flush(self, *, timeout_seconds: float) -> Flushed:
        """Return when everything that was taken is where it should go, or the time is over, and what became of it."""

    def close(self) -> None:
        """End. What was taken is not lost; what takes nothing more is told by an error."""
