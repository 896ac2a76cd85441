"""Tags that move: what a reserved emitter marked is not unmarked by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.errors import EmitterError

if TYPE_CHECKING:
    from provgraph.catalog import Catalog
    from provgraph.families.credential.emitters import Sender


def check_move(catalog: Catalog, sender: Sender, *, namespace: str, tag: str) -> None:
    """
    Let a tag be set that is nowhere yet, or that leaves a PEM of an emitter that is not reserved for others.

    It asks the catalog, and only where some emitter is reserved; it blocks.

    :raises EmitterError: the PEM that the tag would leave is of an emitter that is reserved for others
    """
    if not sender.reserved:
        return
    held = catalog.tag(namespace, tag)
    left = None if held is None else catalog.pem(held.pem_id)
    if left is None:
        return
    try:
        sender.check_change(left.emitter, of=f"The PEM {left.id}, which has the tag now,")
    except EmitterError as error:
        # Nothing of this PEM was sent, and whoever sends need not be one who may read.
        raise error.unread() from None
