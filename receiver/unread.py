"""
Answers to those who may write and not read: what they sent, ids, what was done, and where it stands in the log.

Each is made of what may be told, so that what an answer has besides, now or later, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provgraph.http.models import Body
    from provgraph.tracking import Outcome
    from receiver.trackingbodies import SaveBody

JSONObject = dict[str, Any]

# Lists of ids, and lists of objects of which the id is told.
_IDS = ("members", "added", "kept", "dropped", "retired", "missing", "released", "restored", "skipped")
_OBJECTS = ("retire", "release", "refused", "deferred")
_PLAIN = ("plan", "share", "login")  # a digest of ids, a number, and what was sent


def stated(body: Body) -> JSONObject:
    """Return what was sent of something."""
    return body.model_dump(exclude={"request"}, exclude_unset=True)


def saved(body: SaveBody, done: Outcome) -> JSONObject:
    """Return objects that were saved, as far as they were sent."""
    # The same number, but for a command that came before under the same request id, by way of another protocol.
    pairs = zip(body.objects, done.answer["objects"], strict=False)
    objects = [{**stated(sent), "id": one["id"], "operation": one["operation"]} for sent, one in pairs]
    return {"objects": objects, "position": done.position}


def told(done: Outcome) -> JSONObject:
    """Return what a command did to which objects, by id."""
    return {**ids_alone(done.answer), "position": done.position}


def ids_alone(answer: JSONObject) -> JSONObject:
    """Return what an answer says of objects, by id."""
    return {
        **{name: answer[name] for name in (*_PLAIN, *_IDS) if name in answer},
        **{name: [{"id": one["id"]} for one in answer[name]] for name in _OBJECTS if name in answer},
    }


def run(document: JSONObject) -> JSONObject:
    """Return what becomes of a run."""
    return {name: document[name] for name in ("id", "state", "position")}
