"""The deliveries that need no service: into a file, onto the console, nowhere."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from provgraph import private
from provgraph.client.answers import SendResult
from provgraph.client.delivery.base import Flushed
from provgraph.client.errors import DeliveryError
from provgraph.joined import joined

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provgraph.client.delivery.base import Connect
    from provgraph.client.pems import Encoded


class _Counting:
    """Counts what was taken, for `flush`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def open(self, connect: Connect) -> None:
        """See `Delivery.open`."""

    def flush(self, *, timeout_seconds: float) -> Flushed:  # noqa: ARG002 - nothing has to be waited for
        """See `Delivery.flush`."""
        with self._lock:
            taken, self._taken = self._taken, 0
        return Flushed(delivered=taken, refused=0, left=0)

    def close(self) -> None:
        """See `Delivery.close`."""

    def _count(self, verdict: str, events: Sequence[Encoded]) -> SendResult:
        with self._lock:
            self._taken += len(events)
        return SendResult.told(verdict, [event.id for event in events])


class NoopDelivery(_Counting):
    """Drops events: for tests and dry runs. A flush says that all were delivered."""

    def send(self, events: Sequence[Encoded]) -> SendResult:
        """See `Delivery.send`."""
        return self._count("dropped", events)

    def set_tag(self, namespace: str, tag: str, event_id: str) -> None:
        """Do nothing."""


class ConsoleDelivery(_Counting):
    """Writes events to a stream, one a line: standard output, unless told otherwise."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream

    def send(self, events: Sequence[Encoded]) -> SendResult:
        """See `Delivery.send`."""
        self._say("".join([f"{event.content.decode()}\n" for event in events]))
        return self._count("written", events)

    def set_tag(self, namespace: str, tag: str, event_id: str) -> None:
        """See `Delivery.set_tag`."""
        self._say(f"tag {joined((namespace, tag))} marks {event_id}\n")

    def _say(self, text: str) -> None:
        stream = self._stream or sys.stdout
        stream.write(text)
        stream.flush()


class FileDelivery(_Counting):
    """
    Appends events to a file, one a line, for ``provgraph import events FILE``. Several processes may share it.

    What was taken is on the disk once `flush` or `close` has returned. Tags have no place in such a file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._file: int | None = None

    def open(self, connect: Connect) -> None:  # noqa: ARG002 - nobody is asked
        """See `Delivery.open`."""
        try:
            private.make_folder(self.path.parent)
            self._file = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, private.FILE
            )
        except OSError as error:
            raise DeliveryError(f"Events cannot be written to {self.path}: {error}") from error
        private.tell_if_open_to_others(self.path, "which holds events")

    def send(self, events: Sequence[Encoded]) -> SendResult:
        """See `Delivery.send`."""
        self._write(b"".join([event.content + b"\n" for event in events]))
        return self._count("written", events)

    def set_tag(self, namespace: str, tag: str, event_id: str) -> None:
        """See `Delivery.set_tag`."""
        raise DeliveryError(
            f"The tag {joined((namespace, tag))} cannot be set on {event_id}: a file takes events only. State tags "
            "with the events (prepare_pem(tag=...)), or use a spool"
        )

    def flush(self, *, timeout_seconds: float) -> Flushed:
        """See `Delivery.flush`."""
        if self._file is not None:
            os.fsync(self._file)
        return super().flush(timeout_seconds=timeout_seconds)

    def close(self) -> None:
        """See `Delivery.close`."""
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None

    def _write(self, content: bytes) -> None:
        if self._file is None:
            raise DeliveryError(f"Events cannot be written to {self.path}: it is closed")
        with self._lock:
            # One call appends as a whole, whoever else writes. What a full disk cut short is taken back.
            end = os.fstat(self._file).st_size
            try:
                written = os.write(self._file, content)
            except OSError as error:
                raise DeliveryError(f"Events cannot be written to {self.path}: {error}") from error
            if written < len(content):
                os.ftruncate(self._file, end)
                raise DeliveryError(f"Events cannot be written to {self.path}: the disk is full")
