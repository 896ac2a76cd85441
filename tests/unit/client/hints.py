"""The names that the annotations of answers are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from provgraph.client.answers import SendResult
from provgraph.client.base import JSON, Unkept, Verdict
from provgraph.client.told import ArtifactState, Change, Claim, Part, Step, TagState, Version
from provgraph.client.tracking.answers import Changed, Group, GroupName, Member, Refused, Run

__all__ = [
    "JSON",
    "Any",
    "ArtifactState",
    "Change",
    "Changed",
    "Claim",
    "Group",
    "GroupName",
    "Member",
    "Part",
    "Refused",
    "Run",
    "SendResult",
    "Step",
    "TagState",
    "Unkept",
    "Verdict",
    "Version",
    "datetime",
]
