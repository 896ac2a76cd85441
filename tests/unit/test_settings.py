from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from provgraph.errors import SettingsError
from provgraph.settings import Settings, misspelt, read_settings, unknown_settings

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PROVGRAPH_{name.upper()}", raising=False)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVGRAPH_PORT", "1234")
    monkeypatch.setenv("PROVGRAPH_DATA_DIR", "/somewhere")

    settings = read_settings()

    assert (settings.port, settings.data_dir) == (1234, Path("/somewhere"))


def test_what_is_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVGRAPH_PORT", "1234")

    assert read_settings(port=1).port == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("AUTH_REQUIRED", "perhaps"),
        ("PEM_SIZE_LIMIT", "0"),
        ("QUEUE_LIMIT", "-1"),
        ("LOG_URL", "mysql://here/log"),
        ("LOG_URL", "postgresql://"),
        ("GRAPH_URL", "localhost:7687"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PROVGRAPH_{name}", value)

    with pytest.raises(SettingsError, match=f"PROVGRAPH_{name}") as refused:
        read_settings()

    assert "Value error" not in str(refused.value)


def test_a_password_in_a_refused_url_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(log_url="postgres:secret@host/log")

    assert "secret" not in str(refused.value)


def test_an_empty_url_is_none() -> None:
    settings = read_settings(log_url="", graph_url="")

    assert (settings.log_url, settings.graph_url, settings.is_local) == (None, None, True)


def test_a_password_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")

    settings = read_settings(log_password_file=file, graph_password_file=file, graph_password="other")

    assert (settings.read_log_password(), settings.read_graph_password()) == ("s3cret", "s3cret")
    assert read_settings(graph_password="other").read_graph_password() == "other"
    assert "other" not in repr(read_settings(graph_password="other"))


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"PROVGRAPH_LOG_PASSWORD_FILE.*nowhere"):
        read_settings(log_password_file=tmp_path / "nowhere").read_log_password()


def test_settings_do_not_change() -> None:
    settings = read_settings()

    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc] # that is what must not work


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])  # noqa: S104 - refused, not bound
def test_listening_to_others_without_credentials_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match=r"PROVGRAPH_AUTH_REQUIRED.*PROVGRAPH_ALLOW_OPEN"):
        read_settings(host=host).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_listening_to_this_machine_needs_no_credentials(host: str) -> None:
    read_settings(host=host).check()


@pytest.mark.parametrize("wish", ["auth_required", "allow_open"])
def test_listening_to_others_is_a_wish_that_can_be_stated(wish: str) -> None:
    read_settings(host="0.0.0.0", **{wish: True}).check()  # noqa: S104 - nothing listens


@pytest.mark.parametrize(
    ("required", "for_pems", "expected"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
def test_sending_needs_what_the_rest_needs_unless_said_otherwise(
    required: bool, for_pems: bool | None, expected: bool
) -> None:
    settings = read_settings(auth_required=required, pem_auth_required=for_pems)

    assert settings.sending_needs_credential is expected


def test_the_page_lists_every_setting_with_its_default_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `PROVGRAPH_(\w+)` \| `?([^|`]*)`? \|", _PAGE.read_text(), re.MULTILINE))

    assert rows == {name.upper(): _shown(field.default) for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_page_says_what_changes_when_a_setting_is_turned(name: str) -> None:
    described = Settings.model_fields[name].description

    assert described
    assert described.replace("`", "") in _PAGE.read_text().replace("`", "")


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_a_variable_that_is_no_setting_is_found() -> None:
    given = {
        "PROVGRAPH_PORT": "1",
        "PROVGRAPH_TOKEN": "x",
        "PROVGRAPH_GRAF_URL": "neo4j://here",
        "PATH": "/bin",
    }

    assert unknown_settings(given) == ["PROVGRAPH_GRAF_URL"]


@pytest.mark.parametrize("stated", ["https://a.example", "a.example:80", "*", "a b", "a..b", "192.0.2.1/24"])
def test_what_is_no_host_name_is_refused(stated: str) -> None:
    with pytest.raises(SettingsError, match="PROVGRAPH_ALLOWED_HOSTS"):
        read_settings(allowed_hosts=stated)


def test_host_names_are_listed_with_commas() -> None:
    assert read_settings(allowed_hosts=" A.example, b ,").host_names == {"a.example", "b"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("PROVGRAPH_GRAF_URL", "; did you mean PROVGRAPH_GRAPH_URL?"),
        ("PROVGRAPH_DATADIR", "; did you mean PROVGRAPH_DATA_DIR?"),
        ("PROVGRAPH_TOKN", "; did you mean PROVGRAPH_TOKEN?"),
        ("PROVGRAPH_SOMETHING_ELSE_ENTIRELY", ""),
    ],
)
def test_what_was_most_likely_meant_is_told(name: str, told: str) -> None:
    assert misspelt({name: "x", "PROVGRAPH_PORT": "1"}) == [
        f"There is no setting {name}: it changes nothing{told}"
    ]
