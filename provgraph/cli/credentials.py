"""``provgraph admin credential``: online through a service, or on the stores themselves."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from provgraph.cli import connection, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.serving import composition
from provgraph.client import Admin
from provgraph.errors import LockedError
from provgraph.settings import read_settings

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


class _Credentials(Protocol):
    """Both ways to the credentials, seen alike."""

    def create(self, *, name: str, kind: str, role: str) -> dict[str, Any]: ...
    def listed(self) -> list[dict[str, Any]]: ...
    def revoke(self, credential_id: str) -> None: ...


class _Online:
    """Through a running service."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def create(self, *, name: str, kind: str, role: str) -> dict[str, Any]:
        return self._admin.create_credential(name=name, kind=kind, role=role)

    def listed(self) -> list[dict[str, Any]]:
        return self._admin.credentials()

    def revoke(self, credential_id: str) -> None:
        self._admin.revoke_credential(credential_id)


class _Offline:
    """On the stores themselves, through the composition root."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def create(self, *, name: str, kind: str, role: str) -> dict[str, Any]:
        return _fields(self._store.create(name=name, kind=kind, role=role))

    def listed(self) -> list[dict[str, Any]]:
        return [_fields(credential) for credential in self._store.list()]

    def revoke(self, credential_id: str) -> None:
        self._store.revoke(credential_id)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Whose it is.")],
    kind: Annotated[
        CredentialKind, typer.Option(help="A person (user) or a workload (puc).")
    ] = CredentialKind.USER,
    role: Annotated[Role, typer.Option(help="What it allows.")] = Role.READER,
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
    with _open(data, direct, url, token) as credentials:
        created = credentials.create(name=name, kind=kind.value, role=role.value)
    if as_json:
        output.say_json(created)
        return
    output.note(f"Credential {created.get('id')}: {name} ({kind}, {role}). Its token is shown only now:")
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
    with _open(data, direct, url, token) as credentials:
        found = credentials.listed()
    if as_json:
        output.say_json(found)
        return
    columns = list(found[0]) if found else []
    output.say_table(
        [column.upper() for column in columns], ([entry.get(column) for column in columns] for entry in found)
    )
    output.note(f"{len(found)} in all")


@app.command()
def revoke(
    credential_id: Annotated[str, typer.Argument(metavar="ID", help="The credential's id.")],
    data: Data = None,
    direct: Direct = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Make a credential worthless from now on."""
    with _open(data, direct, url, token) as credentials:
        credentials.revoke(credential_id)
    if as_json:
        output.say_json({"revoked": credential_id})
    else:
        output.say(f"Revoked {output.printable(credential_id)}.")


@contextmanager
def _open(data: Path | None, direct: bool, url: str, token: str | None) -> Iterator[_Credentials]:
    if data is None and not direct:
        with connection.connect(url, token) as client:
            yield _Online(client.admin)
        return
    # A folder that is named is meant, whatever the settings say.
    settings = read_settings() if data is None else read_settings(data_dir=data, log_url=None)
    try:
        with composition().open_credentials(settings) as store:
            yield _Offline(store)
    except LockedError as error:
        raise LockedError(
            f"{error}. Or leave out --data and --direct, and ask the service that uses it with --url."
        ) from error


def _fields(credential: Any) -> dict[str, Any]:
    """Return a credential's facts by name, whichever kind of record it is."""
    if dataclasses.is_dataclass(credential) and not isinstance(credential, type):
        facts = dataclasses.asdict(credential)
    else:
        facts = dict(credential._asdict())
    # Inside it is the holder; on the wire, and so for whoever reads our output, the kind.
    return {("kind" if name == "holder" else name): value for name, value in facts.items()}
