"""The rules of one HTTP exchange, whichever way it is sent: what goes out, what the answer says, when to repeat."""

from __future__ import annotations

import email.utils
import ipaddress
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote_plus

import httpx
import orjson

from provgraph.client.base import Call, Conversation, Pause, Retry
from provgraph.client.errors import (
    BY_STATUS,
    BusyError,
    ClientError,
    ClosedError,
    ForeignServerError,
    OverlongQuestionError,
    ServiceError,
    UnexpectedAnswerError,
    UnreachableError,
    UnusableTokenError,
    UnusableUrlError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

T = TypeVar("T")

_TOO_LONG = 414
_NOT_THERE = 404
_NO_ROUTE = "There is nothing at /"
# Characters of an answer that is no problem document.
_LONGEST = 2_000
_LONGEST_OF_A_PAGE = 200
# Proxies send pages of their own with these, before a service that is ours.
_MAYBE_A_PROXYS = frozenset({400, 401, 403, 413, _TOO_LONG, 429, 502, 503, 504})
# How the libraries say that an answer is of another protocol.
_NO_TLS = "WRONG_VERSION_NUMBER"
_NO_HTTP = "illegal status line"
# Record Keeper's routes answer with a sentence; this says which rule a refusal of one event is about.
_RULE_HEADER = "X-Provgraph-Rule"
# A proxy answers 502 and 504 for a service that is away.
_BUSY = (429, 502, 503, 504)
# Below what services keep an idle connection for, so that none is used at the moment it is closed.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)
# A host and a port without a scheme, or this machine.
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d+(/.*)?|localhost(/.*)?|127\.[0-9.]+(/.*)?")
BROKEN = (httpx.TransportError, httpx.DecodingError)


def patiently(call: Call[T], retry: Retry) -> Conversation[T]:
    """Make a call, and make it again, unchanged, while the service is away or busy."""
    once = replace(call, patient=False)
    for attempt in range(retry.attempts - 1):
        try:
            answer: T = yield once
        except (UnreachableError, BusyError) as error:
            yield Pause(retry.pause(attempt, error))
        else:
            return answer
    last: T = yield once
    return last


def base(url: str) -> httpx.URL:
    """
    Return the address of a service. ``127.0.0.1:8082`` means http.

    :raises UnusableUrlError: it is none
    """
    try:
        parsed = httpx.URL(f"http://{url}" if _ADDRESS.fullmatch(url) else url)
    except httpx.InvalidURL as error:
        raise UnusableUrlError(url, f"it is malformed ({error})") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UnusableUrlError(url, "a URL starts with http:// or https:// and names a host")
    return parsed


def without_credentials(url: str) -> str:
    """Return the address of a service, without a name and a password that may stand in it."""
    return str(base(url).copy_with(userinfo=b"")).rstrip("/")


def settings(
    url: httpx.URL,
    *,
    token: str | None,
    headers: Mapping[str, str] | None,
    timeout_seconds: float,
    verify: bool | SSLContext,
) -> dict[str, Any]:
    """
    Return what both of httpx's clients are made with.

    :raises UnusableTokenError: the token cannot stand in a header
    """
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UnusableTokenError(
            "The token cannot be sent: it holds white space, control characters or other than ASCII. A line break at "
            "its end comes from reading a file: strip it"
        )
    # A proxy that the environment names cannot reach this machine's own loopback.
    trust_env = not _is_loopback(url.host)
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return {
        "base_url": str(url).rstrip("/"),
        "headers": {**bearer, **(headers or {})} or None,
        "timeout": timeout_seconds,
        # Made once: a client that takes another's place after a fork is made of the same settings.
        "verify": httpx.create_ssl_context(verify=verify, trust_env=trust_env),
        "limits": _LIMITS,
        "follow_redirects": False,
        "trust_env": trust_env,
    }


def request(call: Call[Any]) -> dict[str, Any]:
    """Return a call as the arguments of httpx."""
    timeout = call.timeout_seconds
    return {
        "method": call.method,
        "url": call.path,
        "params": sent(call.parameters or {}),
        "content": call.content,
        "headers": None if call.content is None else {"Content-Type": call.content_type},
        "timeout": httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
    }


def answer(call: Call[T], response: httpx.Response) -> T:
    """
    Return what the answer to a call says.

    :raises ServiceError: it is a refusal
    :raises UnexpectedAnswerError: it is not what such a call is answered with
    """
    if not response.is_success:
        raise refusal(call, response)
    if not call.as_text and _is_page(response):
        raise _foreign(call, response, f"{_shown(response)} did not answer with JSON")
    return call.reader(_text(response) if call.as_text else _document(response))


def check_open(client: httpx.Client | httpx.AsyncClient, url: str) -> None:
    """
    Refuse to send anything after the end.

    :raises ClosedError: the client was closed
    """
    if client.is_closed:
        raise ClosedError(f"Nothing can be sent to {url} any more: this client was closed")


def unreachable(url: str, error: httpx.HTTPError) -> UnreachableError:
    """Return the error that says why no answer came."""
    reason = "it took too long" if isinstance(error, httpx.TimeoutException) else str(error)
    if _NO_TLS in reason:
        reason += "; it may speak http:// alone"
    return UnreachableError(url, reason or type(error).__name__)


def broken(url: str, error: httpx.HTTPError) -> ClientError:
    """Return the error that says why no answer came, or that what came is none."""
    if isinstance(error, httpx.RemoteProtocolError) and _NO_HTTP in str(error):
        return UnexpectedAnswerError(f"What listens at {url} does not speak HTTP ({error}).")
    return unreachable(url, error)


def unaskable(call: Call[Any], url: str, error: httpx.InvalidURL) -> ClientError:
    """Return the error that says why there can be no URL for a call."""
    if "too long" not in str(error):
        return ClientError(f"There is no URL for {call.method} {call.path!r:.200}: {error}")
    return _overlong(call, {"status": _TOO_LONG, "detail": str(error)}, url)


def _overlong(call: Call[Any], problem: Mapping[str, Any], url: str) -> OverlongQuestionError:
    sizes = {"path": len(call.path)}
    for name, value in sent(call.parameters or {}) or ():
        sizes[name] = sizes.get(name, 0) + len(quote_plus(str(value)))
    field = max(sizes, key=sizes.__getitem__)
    return OverlongQuestionError(_TOO_LONG, problem, url=url, field=field, size=sizes[field])


def refusal(call: Call[Any], response: httpx.Response) -> ClientError:
    """Return the error that a refusal of a call, read to its end, stands for."""
    error = _refusal(call, response)
    is_foreign = _is_page(response) and response.status_code not in _MAYBE_A_PROXYS
    if not is_foreign and (origin_of(_base_of(call, response)) is None or not _is_no_route(response)):
        return error
    return _foreign(call, response, str(error), refusal=error)


def _base_of(call: Call[Any], response: httpx.Response) -> str:
    return _shown(response).removesuffix(call.path)


def _foreign(
    call: Call[Any], response: httpx.Response, reason: str, *, refusal: ServiceError | None = None
) -> ForeignServerError:
    url = _base_of(call, response)
    origin = origin_of(url)
    advice = (
        "Check the URL of this client."
        if origin is None
        else f"Is the service at {origin}? Use that as its URL."
    )
    return ForeignServerError(url, reason, advice=advice, refusal=refusal)


def origin_of(url: str) -> str | None:
    """Return the address without a path, where a service is most likely; None: the URL is that already."""
    origin = str(httpx.URL(url).copy_with(path="/")).rstrip("/")
    return None if origin == url.rstrip("/") else origin


def _is_page(response: httpx.Response) -> bool:
    """Tell whether it is a page for people, which no route of a service is answered with."""
    begins = response.content[:100].lstrip().lower()
    return begins.startswith((b"<!doctype", b"<html")) or "html" in response.headers.get("Content-Type", "")


def _is_no_route(response: httpx.Response) -> bool:
    """Tell whether a service says that it has no such route, as it does below the URL of one of its parts."""
    told = str(_problem(response).get("detail"))
    return response.status_code == _NOT_THERE and told.startswith(_NO_ROUTE)


def _refusal(call: Call[Any], response: httpx.Response) -> ServiceError:
    problem, url = _problem(response), str(response.url)
    if response.status_code == _TOO_LONG:
        return _overlong(call, problem, url)
    if response.status_code in _BUSY:
        return BusyError(response.status_code, problem, url=url, retry_after_seconds=_retry_after(response))
    return BY_STATUS.get(response.status_code, ServiceError)(response.status_code, problem, url=url)


def sent(parameters: Mapping[str, object]) -> list[tuple[str, str | int | float | bool | None]] | None:
    """Return parameters as they are sent: none that are None, those that are lists once for each value."""
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in parameters.items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, str(each)) for each in values if each is not None]
    return pairs or None


def _text(response: httpx.Response) -> str:
    try:
        return response.content.decode()
    except UnicodeDecodeError as error:
        raise UnexpectedAnswerError(f"{_shown(response)} did not answer with a text.") from error


def _document(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise UnexpectedAnswerError(f"{_shown(response)} did not answer with JSON.") from error


def _shown(response: httpx.Response) -> str:
    return str(response.url.copy_with(query=None))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document; Record Keeper's routes answer with a sentence instead."""
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        document = response.text.strip()[:_LONGEST]
    if _is_page(response):
        document = " ".join(response.text[: 10 * _LONGEST].split())[:_LONGEST_OF_A_PAGE]
    if isinstance(document, dict):
        return document
    problem = {"status": response.status_code, "detail": document or response.reason_phrase}
    if rule := response.headers.get(_RULE_HEADER):
        problem["rule"] = rule
    return problem


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
