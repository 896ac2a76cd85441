"""``provgraph runs`` and ``provgraph groups``, against a real service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest
from typer.testing import CliRunner

from provgraph.cli.app import app
from provgraph.cli.exits import ExitCode
from provgraph.client import Client
from provgraph.client.tracking import Tracking
from tests.e2e.builders import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.client.tracking import Group
    from tests.e2e.service import Service


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds."""
        return orjson.loads(self.out)


class Script:
    """A script that keeps the objects of one kind, and the command line beside it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.name = unique("script-")
        self.kind = unique("Node")

    def run(self, *names: str, script: str | None = None, **how: Any) -> str:
        """Save these objects in a run; return its id."""
        with self.client.tracking.start_tracking(script or self.name, **how) as tracking:
            for name in names:
                tracking.create(self.kind, name=name).save(allow_upsert=True)
            context = tracking.group_context
        assert context.report is not None
        return context.report.run.id

    def live(self) -> list[str | None]:
        """Return the keys of the live objects."""
        return [node.key for node in self.client.tracking.all(self.kind)]

    def command(self, *arguments: str, answer: str | None = None) -> Ended:
        """Run the command line."""
        done = CliRunner().invoke(app, [*arguments, "--url", self.client.url], input=answer)
        return Ended(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def script(service: Service) -> Iterator[Script]:
    """A script that nobody else has."""
    with Client(service.url, tracking=Tracking(actor="ada")) as client:
        yield Script(client)


def test_runs_are_listed_newest_first(script: Script) -> None:
    first, second = script.run("A"), script.run("A", "B")

    shown = script.command("runs", "list", "--identifier", script.name)
    listed = script.command("runs", "list", "--identifier", script.name, "--limit", "1", "--json").json

    assert shown.out.index(second[:8]) < shown.out.index(first[:8])
    assert "ada" in shown.out
    assert [run["id"] for run in listed] == [second]


def test_a_run_is_shown_with_what_it_did(script: Script) -> None:
    script.run("A", params={"site": "bln"})
    with script.client.tracking.start_tracking(script.name) as tracking:
        tracking.create(script.kind, name="A", role="edge").save(allow_upsert=True)
    (group,) = script.client.tracking.groups.list(name=script.name)
    (run,) = script.client.tracking.runs.list(group=group)

    shown = script.command("runs", "show", run.id)
    document = script.command("runs", "show", run.id, "--json").json

    assert f"updated    {script.kind}/A" in shown.out
    assert "role: (none) -> edge" in shown.out
    assert [one["operation"] for one in document["operations"]] == ["updated", "created"]


def test_two_runs_are_compared(script: Script) -> None:
    first = script.run("A", "B")
    second = script.run("B", "C")

    shown = script.command("runs", "diff", second)
    document = script.command("runs", "diff", second, first, "--json").json

    assert f"added    {script.kind}/C" in shown.out
    assert f"dropped  {script.kind}/A" in shown.out
    assert (document["from"], document["to"]) == (first, second)


def test_the_plan_of_an_open_run_is_shown(script: Script) -> None:
    script.run("A", "B")
    script.client.tracking.start_tracking(script.name, delete_unused_nodes=True)
    script.client.tracking.create(script.kind, name="A").save(allow_upsert=True)

    shown = script.command("runs", "plan", str(script.client.tracking.group_context.run_id))

    assert f"retire   {script.kind}/B" in shown.out
    assert "50 % of the members" in shown.err
    script.client.tracking.end_tracking()


def test_a_run_is_rolled_back_when_one_says_yes(script: Script) -> None:
    script.run("A")
    run = script.run("A", "B")

    refused = script.command("runs", "rollback", run, answer="n\n")
    assert (refused.code, script.live()) == (ExitCode.NEGATIVE, ["A", "B"])
    done = script.command("runs", "rollback", run, "--yes")

    assert (done.code, script.live()) == (ExitCode.OK, ["A"])
    assert done.out == "Rolled back: 1 object restored, 1 retired.\n"


def test_a_rollback_over_others_changes_says_which(script: Script) -> None:
    run = script.run("A")
    script.client.tracking.get(script.kind, key="A")
    node = script.client.tracking.create(script.kind, name="A", role="theirs")
    node.save(allow_upsert=True)

    refused = script.command("runs", "rollback", run, "--yes")
    forced = script.command("runs", "rollback", run, "--yes", "--force", "--json")

    assert refused.code == ExitCode.FAILED
    assert f"{script.kind}/A: it was changed since (by ada)" in refused.err
    assert node.id in forced.json["retired"]
    assert script.live() == []


def test_a_rollback_of_what_another_group_lists_names_the_group(script: Script) -> None:
    run = script.run("A")
    script.run("A", script=unique("other-"))
    with script.client as client:
        mine = next(iter(client.tracking.groups.list(identifier=script.name))).id
        (node,) = client.tracking.all(script.kind)
        theirs = [group.id for group in client.tracking.groups.list(members=True) if _lists(group, node.id)]

    refused = script.command("runs", "rollback", run, "--yes")

    (other,) = set(theirs) - {mine}
    assert refused.code == ExitCode.FAILED
    assert f"{script.kind}/A: another group lists it (group {other})" in refused.err


def _lists(group: Group, id_: str | None) -> bool:
    return id_ in {member.id for member in group.members or ()}


def test_a_group_that_is_no_id_is_named_for_what_it_is(script: Script) -> None:
    refused = script.command("runs", "list", "--group", "nope")

    assert refused.code == ExitCode.USAGE
    assert "group is an id, and this is not a UUID: 'nope'" in refused.err
    assert "PEM" not in refused.err


def test_groups_are_listed_and_shown_by_name(script: Script) -> None:
    script.run("A", params={"site": "bln"})
    (group,) = script.client.tracking.groups.list(identifier=script.name)

    listed = script.command("groups", "list", "--identifier", script.name)
    by_name = script.command("groups", "show", group.name)
    by_id = script.command("groups", "show", group.id, "--json")

    assert "site: bln" in listed.out
    assert f"{script.kind}/A" in by_name.out
    assert [member["key"] for member in by_id.json["members"]] == ["A"]
    assert script.command("groups", "show", unique()).code == ExitCode.NOT_FOUND


def test_a_name_of_several_groups_needs_a_branch(script: Script) -> None:
    branch = unique("b-")
    script.run("A")
    script.run("A", branch=branch)

    assert script.command("groups", "show", script.name).code == ExitCode.USAGE
    assert script.command("groups", "show", script.name, "--branch", branch).code == ExitCode.OK


def test_an_orphaned_group_is_found_and_adopted(script: Script) -> None:
    script.run("A", "B", params={"site": 1})
    script.run("A", params={"location": 1})
    orphan, heir = sorted(
        script.client.tracking.groups.list(identifier=script.name),
        key=lambda group: str(group.params),
        reverse=True,
    )

    found = script.command("groups", "orphaned", "--identifier", script.name)
    adopted = script.command("groups", "adopt", orphan.name, "--into", heir.id, answer="y\n")

    assert orphan.name in found.out
    assert "other parameters" in found.out
    assert adopted.out.endswith(f"{heir.name} has 2 members now.\n")


def test_a_group_is_removed_as_far_as_it_may_be(script: Script) -> None:
    script.run("A")
    with script.client.tracking.start_tracking(script.name) as tracking:
        tracking.create(script.kind, name="A").save(allow_upsert=True)
        tracking.create(script.kind, name="kept", protected=True).save()

    stopped = script.command("groups", "remove", script.name, "--limit", "0", "--yes")
    removed = script.command("groups", "remove", script.name, "--yes")

    assert stopped.code == ExitCode.FAILED
    assert removed.code == ExitCode.NEGATIVE
    assert "1 member retired, 0 released." in removed.out
    assert f"refused  {script.kind}/kept" in removed.out
    assert script.live() == ["kept"]


def test_what_a_login_did_since_a_time_is_rolled_back_when_one_says_yes(
    script: Script, service: Service
) -> None:
    login = unique("login-")
    script.run("A")
    with Client(service.url, tracking=Tracking(actor=login)) as theirs:
        theirs.tracking.create(script.kind, name="A", role="edge").save(allow_upsert=True)
        theirs.tracking.create(script.kind, name="B").save()
    how = ("runs", "rollback", "--login", login, "--since", "now-1h")

    refused = script.command(*how, answer="n\n")
    assert (refused.code, script.live()) == (ExitCode.NEGATIVE, ["A", "B"])
    assert f"Undo what {login} did to objects since now-1h?" in refused.err
    done = script.command(*how, "--yes", "--json")

    assert (done.code, script.live()) == (ExitCode.OK, ["A"])
    assert (done.json["login"], len(done.json["restored"]), len(done.json["retired"])) == (login, 1, 1)


@pytest.mark.parametrize("how", [(), ("RUN", "--login", "ada"), ("--login", "ada"), ("--since", "now-1h")])
def test_a_rollback_is_of_a_run_or_of_a_login_since_a_time(script: Script, how: tuple[str, ...]) -> None:
    done = script.command("runs", "rollback", *how)

    assert done.code == ExitCode.USAGE
    assert "--login and --since" in done.err


def test_a_rollback_says_who_nothing_is_known_of_and_which_time_is_none(script: Script) -> None:
    unknown = script.command("runs", "rollback", "--login", unique("no-"), "--since", "yesterday", "--yes")
    wrong = script.command("runs", "rollback", "--login", "ada", "--since", "tomorrowish", "--yes")

    assert (unknown.code, "Nothing is recorded" in unknown.err) == (ExitCode.NOT_FOUND, True)
    assert "since is not a time" in wrong.err
