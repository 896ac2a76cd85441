"""``provgraph admin credential``: online through a service, or on the stores themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from provgraph.cli import connection, credentiallist, names, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.exits import UsageError
from provgraph.cli.serving import composition
from provgraph.client import Admin
from provgraph.errors import LockedError
from provgraph.lock import DataFolder
from provgraph.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="Who may do what.")

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Work on this data folder instead of a service; none may use it.", show_default=False
    ),
]


Direct = Annotated[
    bool,
    typer.Option(
        "--direct",
        help="Work on the stores that the settings name (PROVGRAPH_LOG_URL, ...) instead of a service.",
    ),
]


class CredentialKind(StrEnum):
    """Whom a credential is for: a person, or a workload of the platform."""

    USER = "user"
    PUC = "puc"


class Role(StrEnum):
    """What a credential allows; each role may do what the one before may."""

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"


class Right(StrEnum):
    """One thing that a credential may do."""

    READ = "read"
    WRITE = "write"
    CYPHER = "cypher"
    APPROVE = "approve"
    ADMIN = "admin"


class _Credentials(Protocol):
    """Both ways to the credentials, seen alike."""

    def create(self, **asked: Any) -> dict[str, Any]: ...
    def listed(self) -> list[dict[str, Any]]: ...
    def revoke(self, credential_id: str) -> None: ...


class _Online:
    """Through a running service."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def create(self, **asked: Any) -> dict[str, Any]:
        return self._admin.create_credential(**asked)

    def listed(self) -> list[dict[str, Any]]:
        return self._admin.credentials()

    def revoke(self, credential_id: str) -> None:
        self._admin.revoke_credential(credential_id)


class _Offline:
    """On the stores themselves, through the composition root."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def create(self, **asked: Any) -> dict[str, Any]:
        created: dict[str, Any] = self._store.create(**asked)
        return created

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._store.list()
        return found

    def revoke(self, credential_id: str) -> None:
        self._store.revoke(credential_id)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Whose it is.")],
    kind: Annotated[
        CredentialKind, typer.Option(help="A person (user) or a workload (puc).")
    ] = CredentialKind.USER,
    role: Annotated[
        Role | None, typer.Option(help="What it allows, by a name.", show_default="reader")
    ] = None,
    rights: Annotated[
        list[Right] | None,
        typer.Option("--right", help="What it allows, exactly: may be repeated.", show_default=False),
    ] = None,
    emitters: Annotated[
        list[str] | None,
        typer.Option(
            "--emitter",
            help="It may speak for this emitter (* stands for any text); may be repeated.",
            show_default="any emitter",
        ),
    ] = None,
    only: Annotated[
        bool,
        typer.Option(
            "--only",
            help="Reserve these emitters: only credentials that were issued with --only for them speak for them.",
        ),
    ] = False,
    expires: Annotated[
        str | None,
        typer.Option(
            help="When it ends: 90d (units s, m, h, d, w), or an RFC 3339 time.", show_default="never"
        ),
    ] = None,
    data: Data = None,
    direct: Direct = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Create a credential and print its token, once.

    The token is all that goes to stdout: TOKEN=$(provgraph admin credential create ...).
    """
    if role is not None and rights:
        raise UsageError("Say --role or --right, not both: a role is a set of rights that has a name.")
    if only and not emitters:
        raise UsageError("--only needs at least one --emitter: it reserves the emitters that are named.")
    asked: dict[str, Any] = {"rights": [right.value for right in rights]} if rights else {}
    if not rights:
        asked["role"] = (role or Role.READER).value
    # An empty text was stated, and is not as if nothing was: the service refuses it.
    stated = {"emitters": emitters or None, "only": only or None, "expires": expires}
    asked |= {option: value for option, value in stated.items() if value is not None}
    with _open(data, direct, url, token) as credentials:
        created = credentials.create(name=name, kind=kind.value, **asked)
    if as_json:
        output.say_json(created)
        return
    allowed = credentiallist.allowed(created)
    output.note(output.printable(f"Credential {created.get('id')}: {name} ({kind}, {allowed})."))
    output.note("Its token is shown only now:")
    output.say(str(created.get("token")))


@app.command("list")
def list_(
    data: Data = None,
    direct: Direct = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the credentials, without their tokens."""
    with _open(data, direct, url, token, must_exist=True) as credentials:
        found = credentials.listed()
    if as_json:
        output.say_json(found)
        return
    for line in credentiallist.lines(found, now=datetime.now(UTC)):
        output.say(line)
    output.note(f"{len(found)} in all")


@app.command()
def revoke(
    credential_id: Annotated[
        str, typer.Argument(metavar="ID", help="The credential's id, or the beginning of it.")
    ],
    data: Data = None,
    direct: Direct = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Make a credential worthless from now on."""
    with _open(data, direct, url, token, must_exist=True) as credentials:
        listed = credentials.listed()
        credential_id = names.whole(
            credential_id, lambda: (str(one.get("id")) for one in listed), what="credential"
        )
        credentials.revoke(credential_id)
    unbound = credentiallist.unbound(listed, credential_id, now=datetime.now(UTC))
    if as_json:
        output.say_json({"revoked": credential_id, "unbound": [emitter for emitter, _ in unbound]})
        return
    output.say(f"Revoked {output.printable(credential_id)}.")
    for emitter, was_reserved in unbound:
        open_to = ": it is no longer reserved, and whoever may send may speak for it" if was_reserved else ""
        output.note(f"No credential is bound to {output.printable(emitter)} now{open_to}.")


def _check_folder(settings: Settings, *, must_exist: bool) -> None:
    """
    Say that a data folder will be made; refuse that where something is to be found in it.

    :raises UsageError: there is no log in it
    """
    folder = DataFolder(settings.data_dir)
    if settings.log_url is not None or folder.database.exists():
        return
    if must_exist:
        raise UsageError(
            f"There is no log in {folder.path}: is that the data folder that `provgraph serve` uses?"
        )
    output.note(f"There was no log in {folder.path}: it is made now.")


@contextmanager
def _open(
    data: Path | None, direct: bool, url: str, token: str | None, *, must_exist: bool = False
) -> Iterator[_Credentials]:
    if data is None and not direct:
        with connection.connect(url, token) as client:
            yield _Online(client.admin)
        return
    # A folder that is named is meant, whatever the settings say.
    settings = read_settings() if data is None else read_settings(data_dir=data, log_url=None)
    _check_folder(settings, must_exist=must_exist)
    try:
        with composition().open_credentials(settings) as store:
            yield _Offline(store)
    except LockedError as error:
        raise LockedError(
            f"{error}. Or leave out --data and --direct, and ask the service that uses it with --url."
        ) from error
