"""
A client as the environment describes it, so that a program need not change from the laptop to the platform.

docs/howto/emit.md lists the variables. They are read once, when the client is made.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from provgraph.client.delivery.plain import ConsoleDelivery, FileDelivery, NoopDelivery
from provgraph.client.delivery.spooled import SpoolDelivery
from provgraph.client.spool import MAX_BYTES, MAX_EVENTS
from provgraph.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provgraph.client.delivery.base import Delivery

N = TypeVar("N", int, float)

TRANSPORTS = ("http", "spool", "file", "console", "noop")


class Described(NamedTuple):
    """What the environment says of a client."""

    options: dict[str, Any]  # keyword arguments of a client that were stated
    delivery: Delivery | None


def read(environment: Mapping[str, str] | None = None) -> Described:
    """
    Return what the environment says.

    :raises SettingsError: a variable cannot be read, or one that is needed is not there; the text names it
    """
    given = os.environ if environment is None else environment
    options = {
        "url": given.get("PROVGRAPH_URL"),
        "token": given.get("PROVGRAPH_TOKEN"),
        "emitter": given.get("PROVGRAPH_EMITTER"),
        "timeout_seconds": _number(given, "PROVGRAPH_TIMEOUT_SECONDS", float),
        "size_limit": _number(given, "PROVGRAPH_PEM_SIZE_LIMIT", int),
    }
    return Described({name: value for name, value in options.items() if value}, _delivery(given))


def _delivery(given: Mapping[str, str]) -> Delivery | None:
    # Record Keeper's own switch; only this word counts there.
    if given.get("RK_MOCK", "").lower() == "true":
        return NoopDelivery()
    name = given.get("PROVGRAPH_TRANSPORT") or "http"
    if name == "spool":
        return SpoolDelivery(
            _path(given, "PROVGRAPH_SPOOL", name),
            max_events=_number(given, "PROVGRAPH_SPOOL_MAX_EVENTS", int) or MAX_EVENTS,
            max_bytes=_number(given, "PROVGRAPH_SPOOL_MAX_BYTES", int) or MAX_BYTES,
        )
    if name == "file":
        return FileDelivery(_path(given, "PROVGRAPH_FILE", name))
    if name not in TRANSPORTS:
        raise SettingsError(f"PROVGRAPH_TRANSPORT: {name!r} is none of {', '.join(TRANSPORTS)}")
    simple: dict[str, Callable[[], Delivery]] = {"console": ConsoleDelivery, "noop": NoopDelivery}
    return simple[name]() if name in simple else None


def _path(given: Mapping[str, str], variable: str, transport: str) -> Path:
    if stated := given.get(variable):
        return Path(stated).expanduser()
    raise SettingsError(f"{variable}: PROVGRAPH_TRANSPORT={transport} needs the path of a file")


def _number(given: Mapping[str, str], variable: str, kind: Callable[[str], N]) -> N | None:
    stated = given.get(variable)
    if not stated:
        return None
    try:
        number = kind(stated)
    except ValueError:
        number = kind("0")
    if not number > 0:
        raise SettingsError(f"{variable}: {stated!r} is not a number above 0")
    return number
