"""What ``start_tracking`` returns: what tracks, as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from provgraph.client.methods import Awaited, Does, Part, Waiting

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from provgraph.client.base import Conversation
    from provgraph.client.tracking.session import Frame, Session

T = TypeVar("T")


class _Block(Part, Generic[T]):
    """What is one for both clients. ``T`` is what tracks: everything that it can do, this can."""

    tracking_session: Session[Any, Any]

    def __init__(self, tracks: T, frame: Frame[Any]) -> None:
        self.tracking_session = frame.session
        self._tracks = tracks
        self._frame = frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracks, name)

    @Does
    def _end(self, error: BaseException | None) -> Conversation[None]:
        yield from self.tracking_session.end(self._frame, error)


class Tracked(_Block[T], Waiting):
    """What tracks, while it does. In a ``with`` statement the run ends with the block; else it continues."""

    def __enter__(self) -> T:
        self.tracking_session.enter(self._frame)
        return self._tracks

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(error)
        finally:
            self.tracking_session.leave(self._frame)


class AsyncTracked(_Block[T], Awaited):
    """What tracks on an event loop, while it does, see `Tracked`. Awaiting it gives what tracks, without a wait."""

    def __await__(self) -> Generator[Any, None, T]:
        return _at_once(self._tracks).__await__()

    async def __aenter__(self) -> T:
        self.tracking_session.enter(self._frame)
        return self._tracks

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # A coroutine that is thrown away (GeneratorExit) may not wait for anything any more.
            if not isinstance(error, GeneratorExit):
                await self._end(error)
        finally:
            self.tracking_session.leave(self._frame)


class Settled:
    """Something that is done already, and may be awaited all the same."""

    def __await__(self) -> Generator[Any, None, None]:
        return _at_once(None).__await__()


async def _at_once(what: T) -> T:
    return what
