"""
What a statement on the graph in Neo4j is, and the layout that all of them share.

Several generations of the graph lie in one database. A node of generation ``a`` has the label ``_PEM_a`` (or
``_Artifact_a``, ``_Emitter_a``, ``_Tag_a``, and ``_Placeholder_a`` beside ``_PEM_a``), and in the generation that is
served the public label ``PEM`` (``Artifact``, ``Emitter``, ``Tag``) as well. Statements of ours match by the label of
the generation; public labels are for the queries of users. Properties that begin with ``_`` are ours too:

==============  ======================  ============================================================================
``_key``        Artifact, Emitter, Tag  its name, or what stands for a long one (`provgraph.graphstore.neo4j.keys`)
``_last``       Artifact                moment of its latest production
``_first``      Artifact                moment of its earliest production, once there are several
``_used``       Artifact                once there are several: moment of the latest use that names no version
``_named``      Artifact                true once a use names a version of it
``_told``       Artifact                true once a use says something of it: digest, kind, properties
``_since_us``   Artifact                the earliest on the emitters' clocks that an event named it
``_since``      Artifact                log position of the first event that named it
``_described``  Artifact                log position of the event that gave the properties, if one did
``_rank``       PEM                     its place in its moment, as `keys.rank_text` has it; none for the first place
``_late``       PEM                     see `provgraph.graphstore.base.PemFacts`; with it comes the label ``_Late_a``
``_pem``        Tag                     id of the event that it marks, be it there or not
``_producer``   USES                    id of the event whose version was used; INFORMED_BY leads to that event
``_properties`` USES                    what the event said of what it used, if anything
``_digest``     USES                    the digest that the event stated of what it used, as the kind
``_kind``       USES                    see there
``_version``    INFORMED_BY             key of the version that the use named
``_at_a``       PRODUCES                entry in the index of productions, for artifacts with several
``_named_a``    PRODUCES, USES          entry in the index of those that name a version
==============  ======================  ============================================================================

Where tags were before is with nodes that are ours altogether, ``_TagMoves_a``: emitters may move a tag with each event,
so a node holds the moves of a tag in one batch, in the order of the log. Such runs of moves do not overlap.

===================  ============================================================================================
``_key``             the tag's key, then the log position of the first move
``_of``              the tag's key
``_namespace``       the tag's
``_tag``             the tag's
``_positions``       log positions of the moves
``_pems``            the events that it was put on, one for each position
``_moved_us``        when: microseconds since 1970, one for each position
===================  ============================================================================================

An earlier version wrote another format: what it left counts as no generation at all, and is built anew from the log.

In the texts here ``@`` stands for the letter of a generation, and ``+PEM`` for the public label where a generation is
served and for nothing where it is not; ``moment(p)`` for what sorts events as the emitters' clocks do, as in
`keys.stated_moment`. Nothing else is ever put into a statement: all values are parameters.

Nodes are found by their key, with the index named: right after a load Neo4j's statistics say that there is nothing,
and its planner would read a whole index rather than look into it. Inside one transaction nodes are found by ``id()``,
which it handed out a moment before. Rows come back as one list: each row of a result costs as much as creating a node.
"""

from __future__ import annotations

import re
from typing import Final

# Of what is written below; a generation with another one is none.
FORMAT: Final = 5

# What users' queries call the nodes.
PUBLIC_LABELS: Final = frozenset({"PEM", "Unreported", "Artifact", "Emitter", "Tag"})
_PUBLIC = re.compile(r"\+([A-Z][A-Za-z]+)")
_MOMENT = re.compile(r"\bmoment\((\w+)\)")
_LETTER = re.compile("[a-z]").fullmatch


class Statement:
    """A statement with a form for each generation of the graph."""

    def __init__(self, text: str) -> None:
        self._text = _MOMENT.sub(r"\1.occurred_at + coalesce(\1._rank, '') + \1.rk_id", text)
        self._forms: dict[tuple[str, bool], str] = {}

    def of(self, letter: str, *, served: bool = False) -> str:
        """
        Return the form for a generation.

        :param letter: names the generation
        :param served: whether what it makes gets public labels
        """
        form = self._forms.get((letter, served))
        if form is None:
            if not _LETTER(letter):
                raise ValueError(f"not a generation's letter: {letter!r}")
            form = _PUBLIC.sub(r":\1" if served else "", self._text).replace("@", letter)
            self._forms[letter, served] = form
        return form


# Every statement that reads begins so.
_HEAD: Final = """
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name) WHERE c._token = $token AND (c.served OR $any)
WITH c
"""


def reading(text: str) -> Statement:
    """
    Return a statement that reads the generation whose checkpoint ``c`` is.

    It has no row when the generation is another one by now, or (unless $any) is not the one that is served.
    """
    return Statement(_HEAD + text)
