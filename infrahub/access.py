"""
Who asks: Infrahub's API key and logins, as credentials of this service.

An API key is a credential's token. A login is the credential's name with its token as password; the access token is the
same token again, so a revoked credential ends every login at once. A service that asks for no credentials takes any
login, and remembers who it said it was in the access token.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request

from provgraph.auth import presented
from provgraph.errors import ForbiddenError, InvalidInputError, UnauthenticatedError
from provgraph.families.credential.emitters import NOBODY, Sender
from provgraph.families.credential.events import Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.http import Services

JSONObject = dict[str, Any]

_KEY = b"x-infrahub-key"
_AUTHORIZATION = b"authorization"
_OPEN = "open."
_LONGEST_NAME = 200

Headers = list[tuple[bytes, bytes]]


class Writer(NamedTuple):
    """Who changes something."""

    actor: str | None  # as far as that is known
    sender: Sender = NOBODY
    refusal: UnauthenticatedError | ForbiddenError | None = None  # why it may only save
    may_read: bool = True  # whether it may be told what is stored, and not only what it sent

    def require_to_change(self) -> None:
        """
        Let what changes nodes that others saved pass: deletions, groups, kinds.

        :raises UnauthenticatedError: it needs a credential, though saving needs none
        :raises ForbiddenError: it needs another one
        """
        if self.refusal is not None:
            raise self.refusal


class Access:
    """Decides who may call, by this service's credentials."""

    def __init__(self, services: Services) -> None:
        self._authenticator = services.authenticator
        settings = services.settings
        self._is_open = not (settings.auth_required or settings.sending_needs_credential)

    def someone(self, request: Request) -> None:
        """
        Let a request pass that may read, or may change something: it is not known yet which of them it asks for.

        :raises UnauthenticatedError: it may neither
        :raises ForbiddenError: the same, with a credential that is good
        """
        try:
            self.reader(request)
        except (UnauthenticatedError, ForbiddenError):
            self.writer(request)

    def reader(self, request: Request) -> None:
        """
        Let a request pass that only reads.

        :raises UnauthenticatedError: no credential, or not a known one
        """
        self._authenticator.require(self._known(request)[0], Right.READ)

    def writer(self, request: Request) -> Writer:
        """
        Let a request pass that changes something, and return who it is.

        :raises UnauthenticatedError: no credential, or not a known one
        :raises ForbiddenError: a reader's
        """
        known, stated = self._known(request)
        headers = known.scope["headers"]
        sender = self._authenticator.require_to_send(headers)
        refusal: UnauthenticatedError | ForbiddenError | None = None
        try:
            self._authenticator.require_to_send(headers, and_change=True)
        except (UnauthenticatedError, ForbiddenError) as error:
            refusal = error
        return Writer(sender.name or stated, sender, refusal, self._authenticator.may_read(headers))

    def login(self, body: object) -> JSONObject:
        """
        Return the tokens for a user name and password.

        :raises InvalidInputError: the body has another form
        :raises UnauthenticatedError: they are not a credential's name and token
        """
        given = body if isinstance(body, dict) else {}
        name, password = given.get("username"), given.get("password")
        if not isinstance(name, str) or not isinstance(password, str) or not name:
            raise InvalidInputError("A login has `username` and `password`", field="username")
        if self._name_of(password) == name:
            return _tokens(password)
        if not self._is_open:
            raise UnauthenticatedError(
                "Wrong user name or password: they are the name and the token of a credential"
            )
        shown = base64.urlsafe_b64encode(name[:_LONGEST_NAME].encode("utf-8", "replace")).decode()
        return _tokens(f"{_OPEN}{shown}")

    def refresh(self, request: Request) -> JSONObject:
        """
        Return the tokens anew for a refresh token that is still good.

        :raises UnauthenticatedError: it is not
        """
        known, stated = self._known(request)
        found = presented(known.scope["headers"])
        if found is not None:
            self._authenticator.who(known)
            return _tokens(found.token)
        if stated is None:
            raise UnauthenticatedError("There is no refresh token in Authorization: Bearer")
        return _tokens(_bearer(request.scope["headers"]) or "")

    def _known(self, request: Request) -> tuple[Request, str | None]:
        """Return a request with its credential where this service looks for it, and what an open login said."""
        headers: Headers = list(request.scope["headers"])
        key = next((value for name, value in headers if name == _KEY and value), None)
        if key is not None:
            headers = [(name, value) for name, value in headers if name != _AUTHORIZATION]
            headers.append((_AUTHORIZATION, b"Bearer " + key))
        token = _bearer(headers)
        stated = None if token is None or not self._is_open else _stated(token)
        if stated is not None:
            headers = [(name, value) for name, value in headers if name != _AUTHORIZATION]
        return Request({**request.scope, "headers": headers}), stated

    def _name_of(self, token: str) -> str | None:
        try:
            header = (_AUTHORIZATION, b"Bearer " + token.encode("latin-1"))
            return self._authenticator.who(Request({"type": "http", "headers": [header]}))
        except (UnauthenticatedError, UnicodeEncodeError):
            return None


def _tokens(token: str) -> JSONObject:
    return {"access_token": token, "refresh_token": token}


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    found = presented((name, value) for name, value in headers if name == _AUTHORIZATION)
    return None if found is None else found.token


def _stated(token: str) -> str | None:
    if not token.startswith(_OPEN):
        return None
    try:
        return base64.urlsafe_b64decode(token.removeprefix(_OPEN)).decode() or None
    except (binascii.Error, ValueError):
        return None
