"""One HTTP exchange after another: errors translated, repeated where that is safe."""

from __future__ import annotations

import email.utils
import ipaddress
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import orjson

from provgraph.client.errors import (
    BY_STATUS,
    BusyError,
    ClientError,
    ServiceError,
    UnexpectedAnswerError,
    UnreachableError,
    UnusableUrlError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from ssl import SSLContext

_BUSY = (429, 503)


class Retry(NamedTuple):
    """How often, and how patiently, a request is repeated that no answer came to."""

    attempts: int = 6
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 15.0

    def pause(self, attempt: int, error: ClientError) -> float:
        """
        Return the seconds to wait after ``attempt`` (from 0) failed with ``error``.

        At least what the service asks for, and some chance added so that many clients do not come back at once.
        """
        backoff = min(self.first_pause_seconds * 2.0**attempt, self.longest_pause_seconds)
        pause = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients out, guards nothing
        asked = error.retry_after_seconds if isinstance(error, BusyError) else None
        return pause if asked is None else min(asked, 60.0) + pause * 0.25


class Transport:
    """
    Speaks HTTP with one service. A context manager; close it when done.

    ``verify`` is what TLS certificates are checked with: True for the system's authorities, or a context of your own.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_seconds: float = 30.0,
        verify: bool | SSLContext = True,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        base = _checked(url)
        self.url = str(base).rstrip("/")
        self._retry = retry or Retry()
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=timeout_seconds,
            verify=verify,
            transport=transport,
            follow_redirects=False,
            # A proxy that the environment names cannot reach this machine's own loopback.
            trust_env=not _is_loopback(base.host),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(
        self,
        path: str,
        parameters: Mapping[str, object] | None = None,
        *,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Return the JSON that a GET answers with; see `exchange` for the parameters."""
        return self.json("GET", path, parameters=parameters, timeout=timeout_seconds)

    def text(
        self, path: str, parameters: Mapping[str, object], *, timeout_seconds: float | None = None
    ) -> str:
        """
        Return the text that a GET answers with.

        :raises UnexpectedAnswerError: it is not in UTF-8
        """
        response = self.exchange("GET", path, parameters=parameters, timeout=timeout_seconds)
        try:
            return response.content.decode()
        except UnicodeDecodeError as error:
            raise UnexpectedAnswerError(f"{self.url}{path} did not answer with a text.") from error

    def lines(
        self, path: str, parameters: Mapping[str, object], *, timeout_seconds: float | None = None
    ) -> Iterator[bytes]:
        """
        Yield the lines that a GET answers with, as they come.

        :raises ClientError: no answer, a refusal, or the connection broke on the way
        """
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds
        try:
            with self._http.stream("GET", path, params=_sent(parameters), timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise _refusal(response)
                yield from _lines(response.iter_bytes())
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise UnreachableError(self.url, _reason(error)) from error

    def post(self, path: str, body: object = None, *, timeout_seconds: float | None = None) -> Any:
        """Return the JSON that a POST of a JSON body answers with."""
        return self.json(
            "POST", path, content=orjson.dumps({} if body is None else body), timeout=timeout_seconds
        )

    def json(self, method: str, path: str, *, patient: bool = False, **options: Any) -> Any:
        """
        Return the JSON of an answer, None when it is empty.

        ``patient`` repeats the request while the service is away or busy: only for what may safely arrive twice.

        :raises ClientError: no answer, a refusal, or an answer that is not JSON
        """
        response = (
            self._patiently(method, path, **options) if patient else self.exchange(method, path, **options)
        )
        if not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise UnexpectedAnswerError(f"{self.url}{path} did not answer with JSON.") from error

    def _patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        for attempt in range(self._retry.attempts - 1):
            try:
                return self.exchange(method, path, **options)
            except (UnreachableError, BusyError) as error:
                self._sleep(self._retry.pause(attempt, error))
        return self.exchange(method, path, **options)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, object] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        timeout: float | None = None,
    ) -> httpx.Response:
        """
        Return a successful answer, whatever is in it.

        Parameters that are None are not sent; those that are lists are sent once for each of their values.

        :raises ClientError: no answer, or a refusal
        """
        try:
            response = self._http.request(
                method,
                path,
                params=_sent(parameters or {}),
                content=content,
                headers=None if content is None else {"Content-Type": content_type},
                timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
            )
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise UnreachableError(self.url, _reason(error)) from error
        if not response.is_success:
            raise _refusal(response)
        return response


def _sent(parameters: Mapping[str, object]) -> list[tuple[str, str | int | float | bool | None]] | None:
    sent: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in parameters.items():
        values = value if isinstance(value, list | tuple) else [value]
        sent += [(name, str(each)) for each in values if each is not None]
    return sent or None


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines; what stands behind the last line break is none."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UnusableUrlError(url, f"it is malformed ({error})") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UnusableUrlError(url, "a URL starts with http:// or https:// and names a host")
    return parsed


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    return str(error) or type(error).__name__


def _refusal(response: httpx.Response) -> ServiceError:
    problem, url = _problem(response), str(response.url)
    if response.status_code in _BUSY:
        return BusyError(response.status_code, problem, url=url, retry_after_seconds=_retry_after(response))
    return BY_STATUS.get(response.status_code, ServiceError)(response.status_code, problem, url=url)


def _problem(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document; Record Keeper's routes answer with a sentence instead."""
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        document = response.text.strip()[:2000]
    if isinstance(document, dict):
        return document
    return {"status": response.status_code, "detail": document or response.reason_phrase}


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; it may be a number or a date."""
    stated = response.headers.get("Retry-After", "")
    if stated.isdecimal():
        return float(stated)
    try:
        until = email.utils.parsedate_to_datetime(stated)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
