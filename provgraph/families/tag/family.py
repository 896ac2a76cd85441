"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from typing import Any

from provgraph.families.base import Family
from provgraph.families.pem.events import is_id
from provgraph.families.soundness import of_its_types
from provgraph.families.tag.events import TAG_SET, TagSet, read
from provgraph.families.tag.rows import rows
from provgraph.families.tag.tables import MOVED, TAG


def _is_sound(fields: Any, content: object) -> bool:
    return of_its_types(fields, content) and isinstance(content, TagSet) and is_id(content.pem_id)


FAMILY = Family(
    "tag",
    {TAG_SET: lambda _id, payload: read(payload)},
    tables=(TAG,),
    writes=(MOVED,),
    rows=rows,
    sound=_is_sound,
)
