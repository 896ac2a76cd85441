"""One of Record Keeper's services: what was answered, or why nothing was, as text."""

from __future__ import annotations

import http
import logging
import weakref
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from provgraph.client.base import Call
from provgraph.client.errors import ClientError, ForeignServerError, ServiceError
from provgraph.client.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

# Whose interface this is.
VERSION = "3.5.0"
USER_AUTH = "X-Recordkeeper-User-Auth"
PUC_AUTH = "X-Recordkeeper-Puc-Auth"

T = TypeVar("T")


class Answered(NamedTuple):
    """A text, and whether it is the answer or the reason why there is none."""

    text: str
    ok: bool


class Service:
    """
    Speaks with one service; its connections are closed when it is no longer used.

    :param insecure: whether any certificate will do
    """

    def __init__(
        self,
        url: str,
        timeout_sec: float,
        *,
        insecure: bool,
        user_auth: str,
        puc_auth: str,
    ) -> None:
        credential = {USER_AUTH: user_auth} if user_auth else {PUC_AUTH: puc_auth} if puc_auth else {}
        self.url = url.rstrip("/")
        self._http = Transport(self.url, headers=credential, timeout_seconds=timeout_sec, verify=not insecure)
        weakref.finalize(self, self._http.close)

    def get(self, path: str, parameters: Mapping[str, object] | None = None) -> Answered:
        """Return what a GET is answered with. Parameters are sent as Python shows them."""
        # As Record Keeper's client does it: None is the text None, and a list one text.
        shown = {name: str(value) for name, value in (parameters or {}).items()}
        return self._ask(Call("GET", path, str, shown, as_text=True))

    def post(self, path: str, body: bytes) -> Answered:
        """Return what a POST is answered with."""
        return self._ask(Call("POST", path, str, content=body, as_text=True))

    def _ask(self, call: Call[str]) -> Answered:
        try:
            return Answered(self._http.send(call), ok=True)
        except (ServiceError, ForeignServerError) as caught:
            error = caught.refusal if isinstance(caught, ForeignServerError) else caught
            if error is None:
                return Answered(f"connection error for {self.url}{call.path}: {caught}", ok=False)
            detail = error.problem.get("detail") or ""
            reason = f"HTTP Error {error.status}: {_phrase(error.status)} {detail}"
            return Answered(f"HTTP error for {error.url}: {reason}", ok=False)
        except ClientError as error:
            return Answered(f"connection error for {self.url}{call.path}: {error}", ok=False)


def told(name: str, ask: Callable[[], Answered]) -> Answered:
    """Return an answer; a failure begins with what failed, and is logged."""
    try:
        answered = ask()
    except Exception as error:  # noqa: BLE001 - whoever is told of failures by a value expects no other
        answered = Answered(f"{type(error).__name__}: {error}", ok=False)
    if answered.ok:
        return answered
    text = f"{name} failed: {answered.text}"
    logger.error("%s", text)
    return Answered(text, ok=False)


def read(name: str, ask: Callable[[], Answered], reader: Callable[[str], T]) -> tuple[T | None, str, bool]:
    """Return what an answer says, with ``OK``; None and why, when it fails or says something else."""
    found: list[T] = []

    def asked() -> Answered:
        answered = ask()
        if answered.ok:
            found.append(reader(answered.text))
        return answered

    answered = told(name, asked)
    return (found[0], "OK", True) if answered.ok else (None, answered.text, False)


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""
