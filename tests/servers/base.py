"""What every database server for tests can do, and the two ways not to get one."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ServerUnavailableError(Exception):
    """
    This machine has no way to the server: the tests that want it are skipped.

    ``reasons`` says for each route what is missing and which command provides it.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class ServerFailedError(Exception):
    """There is a way to the server, but it does not start or does not answer; the text carries its last words."""


class Server(ABC):
    """
    A database server that a test may use.

    ``start``, ``restart`` and ``wait_ready`` return when the server answers and raise :class:`ServerFailedError` when
    it does not. After ``stop``, ``kill`` and ``restart`` it has the same address and the same data. As a context
    manager it closes itself.
    """

    route: str
    """Where the server comes from, in a few words."""

    @abstractmethod
    def start(self) -> None:
        """Start it, unless it runs."""

    @abstractmethod
    def stop(self) -> None:
        """Let it finish in its own order."""

    @abstractmethod
    def kill(self) -> None:
        """End it as a crash would (SIGKILL): nothing is flushed, no connection is closed in order."""

    @abstractmethod
    def close(self) -> None:
        """Stop it and remove everything it left behind."""

    @abstractmethod
    def trouble(self) -> Exception | None:
        """Return why it does not answer a query now, or None when it does."""

    def restart(self) -> None:
        """Stop it if it runs, then start it on the same port and data."""
        self.stop()
        self.start()

    def wait_ready(self, *, timeout_seconds: float = 120) -> None:
        """Wait until it answers a query."""
        deadline = time.monotonic() + timeout_seconds
        while (trouble := self.trouble()) is not None:
            if time.monotonic() > deadline:
                raise ServerFailedError(
                    f"{self.route} does not answer after {timeout_seconds:g} s: {trouble}\n{self.last_words()}"
                )
            self.require_hope()
            time.sleep(0.05)

    def last_words(self) -> str:
        """Return what it printed last, as far as that can be known."""
        return ""

    def require_hope(self) -> None:  # noqa: B027 — empty on purpose: most servers only answer or do not
        """Raise :class:`ServerFailedError` when waiting any longer is in vain."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


S = TypeVar("S", bound=Server)


def first_available(routes: Sequence[Callable[[], S]]) -> S:
    """Return the server of the first route that works; :raises ServerUnavailableError: with each route's reasons."""
    reasons: list[str] = []
    for route in routes:
        try:
            return route()
        except ServerUnavailableError as error:
            reasons.extend(error.reasons)
    raise ServerUnavailableError(*reasons)


def started(server: S) -> S:
    """Start the server and return it; close it when it does not start."""
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server
