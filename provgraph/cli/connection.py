"""The options that say which service a command talks to."""

from types import TracebackType
from typing import Annotated

import typer

from provgraph.client import (
    DEFAULT_URL,
    Client,
    ClientError,
    OverlongQuestionError,
    ServiceError,
    UnexpectedAnswerError,
)
from provgraph.client.base import Call
from provgraph.client.errors import ForeignServerError
from provgraph.client.exchange import origin_of
from provgraph.errors import NotFoundError

Url = Annotated[
    str, typer.Option("--url", envvar="PROVGRAPH_URL", help="Where the service is.", metavar="URL")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="PROVGRAPH_TOKEN",
        help="Credential. Better given in PROVGRAPH_TOKEN: other users of this machine can see arguments.",
        metavar="TOKEN",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else.")]

__all__ = ["DEFAULT_URL", "AsJson", "Connected", "ForeignServerError", "Token", "Url", "connect"]

# Every process of a service answers so, whatever it serves and whoever asks.
_PROBE = Call("GET", "/healthz", str, as_text=True)
_ITS_ANSWER = "OK"
# Of a service that is busy, or of a proxy before one that is away: no sign of something else.
_BUSY = (429, 502, 503, 504)


class Connected(Client):
    """The client of a command. An answer that no service of ours would give ends the command with that sentence."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if _is_strange(error) and not self._is_ours(self.url):
                raise self._foreign(error) from error
        finally:
            super().__exit__(kind, error, trace)

    def _is_ours(self, url: str) -> bool:
        try:
            if url == self.url:
                return self.ask(_PROBE).strip() == _ITS_ANSWER
            with Client(url, token="", timeout_seconds=5.0) as other:
                return other.ask(_PROBE).strip() == _ITS_ANSWER
        except ClientError:
            return False

    def _foreign(self, error: BaseException | None) -> ForeignServerError:
        told = error.reason if isinstance(error, ForeignServerError) else str(error)
        origin = origin_of(self.url)
        if origin is not None and self._is_ours(origin):
            return ForeignServerError(self.url, told, advice=f"There is one at {origin}: use that as --url.")
        return ForeignServerError(self.url, told, advice="Check --url, or PROVGRAPH_URL.")


def connect(url: str, token: str | None) -> Client:
    """Return a client for the service that the options name."""
    return Connected(url, token=token or "")


def _is_strange(error: BaseException | None) -> bool:
    """Tell whether something else than a service may have answered."""
    if isinstance(error, NotFoundError):  # with suggestions, where the service had none
        return _is_strange(error.__cause__)
    if isinstance(error, ServiceError):
        return error.status not in _BUSY and not isinstance(error, OverlongQuestionError)
    return isinstance(error, UnexpectedAnswerError)
