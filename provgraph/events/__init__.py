"""What every event is: canonical bytes, the digest chain, the two clocks. The families build on it."""

from provgraph.events.base import (
    DIGEST_BYTES,
    SALT_BYTES,
    Kind,
    NewEvent,
    RecordedEvent,
    Repeated,
    SetAside,
    UnknownKind,
    chain,
    commitment,
    entry,
    genesis,
    known,
    newer,
)

__all__ = [
    "DIGEST_BYTES",
    "SALT_BYTES",
    "Kind",
    "NewEvent",
    "RecordedEvent",
    "Repeated",
    "SetAside",
    "UnknownKind",
    "chain",
    "commitment",
    "entry",
    "genesis",
    "known",
    "newer",
]
