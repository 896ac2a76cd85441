"""What every database server for tests can do, and the two ways not to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ServerUnavailable(Exception):
    """
    This machine has no way to the server: the tests that want it are skipped.

    ``reasons`` says for each route what is missing and which command provides it.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class ServerFailed(Exception):
    """There is a way to the server, but it did not start or does not answer; the text carries its last words."""


class Server(Protocol):
    """
    A database server that a test may use.

    ``start``, ``restart`` and ``wait_ready`` return when the server answers and raise :class:`ServerFailed` otherwise.
    After ``kill``, ``stop`` and ``restart`` the server has the same address and the same data.
    """

    @property
    def route(self) -> str:
        """Say in a few words where the server comes from."""

    def start(self) -> None:
        """Start it, unless it runs."""

    def stop(self) -> None:
        """Let it finish in its own order; its data and its port stay its own."""

    def kill(self) -> None:
        """End it as a crash would (SIGKILL): nothing is flushed, no connection is closed in order."""

    def restart(self) -> None:
        """Stop it if it runs, then start it on the same port and data."""

    def wait_ready(self, *, timeout_seconds: float = 60) -> None:
        """Wait until it answers a query."""

    def close(self) -> None:
        """Stop it and remove everything it left behind."""

    def __enter__(self) -> Self:
        """Return the server."""

    def __exit__(self, *_: object) -> None:
        """Close it."""


S = TypeVar("S")


def first_available(routes: Sequence[Callable[[], S]]) -> S:
    """Return the started server of the first route that works; :raises ServerUnavailable: with every route's reason."""
    reasons: list[str] = []
    for route in routes:
        try:
            return route()
        except ServerUnavailable as error:
            reasons.extend(error.reasons)
    raise ServerUnavailable(*reasons)
