"""
Everything that can go wrong, as one tree.

Each class knows its HTTP status once; the edges (``provgraph.http``) translate it to plain text, to a problem
document or to an exit code. No driver's error leaves a store untranslated.
"""

from __future__ import annotations


class ProvgraphError(Exception):
    """The base of every error that provgraph raises on purpose. The text is a sentence for a person."""

    status = 500
    title = "Internal error"

    @property
    def members(self) -> dict[str, object]:
        """Further facts for machines, as members of a problem document."""
        return {}

    def unread(self) -> ProvgraphError:
        """Return what is told instead to whoever may write and not read: nothing that is stored."""
        return self


class InvalidInputError(ProvgraphError):
    """What was sent cannot be accepted; ``field`` and ``rule`` say what to repair."""

    status = 400
    title = "Invalid input"

    def __init__(self, message: str, *, field: str | None = None, rule: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.rule = rule

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        facts = {"field": self.field, "rule": self.rule}
        return {name: value for name, value in facts.items() if value is not None}


class InvalidEventError(InvalidInputError):
    """An event breaks a rule of the event model; nothing of it was stored."""

    title = "Invalid event"


class UnsupportedQueryError(InvalidInputError):
    """The graph store behind this service cannot run such a query."""

    title = "Unsupported query"


class TooLargeError(ProvgraphError):
    """A request body is larger than the service takes."""

    status = 413
    title = "Too large"

    def __init__(self, *, size: int | None, limit: int, what: str = "PEM") -> None:
        """
        Say how large it is.

        :param size: in bytes; None when it was packed and nobody unpacked it to its end
        """
        is_large = (
            f"{size} bytes, the limit"
            if size is not None
            else "unpacked it has more bytes than the limit, which"
        )
        super().__init__(f"{what} is too large: {is_large} is {limit} bytes")
        self.size = size
        self.limit = limit

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"limit": self.limit} if self.size is None else {"size": self.size, "limit": self.limit}


class UnsupportedEncodingError(ProvgraphError):
    """A request's body is encoded in a way that the service does not read."""

    status = 415
    title = "Unsupported encoding"
    accepted = "gzip"


class UnauthenticatedError(ProvgraphError):
    """No credential, or one that this service does not know."""

    status = 401
    title = "Not authenticated"


class ForbiddenError(ProvgraphError):
    """A valid credential that may not do this."""

    status = 403
    title = "Not allowed"


class EmitterError(ForbiddenError):
    """An event of an emitter that whoever sent it may not speak for; it was not stored."""

    title = "Not this emitter"

    def __init__(self, message: str, *, unread: str | None = None) -> None:
        """
        Say which emitter it is.

        :param unread: the same without the emitter, which may be stored and not sent; None: the message names none
        """
        super().__init__(message)
        self._unread = unread

    def unread(self) -> EmitterError:
        """See `ProvgraphError.unread`."""
        return self if self._unread is None else EmitterError(self._unread)

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"field": "Emitter", "rule": "emitter"}


class NotFoundError(ProvgraphError):
    """Nothing is stored under that name or id; ``field`` says which parameter named it."""

    status = 404
    title = "Not found"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {} if self.field is None else {"field": self.field}


class ConflictError(ProvgraphError):
    """It contradicts what is stored; the stored one stands."""

    status = 409
    title = "Conflict"
    # What is told of it without the right to read. None: its own text and members, which hold nothing stored but ids.
    unread_text: str | None = "It contradicts what is stored; to be told what that is needs the right read"

    def unread(self) -> ConflictError:
        """See `ProvgraphError.unread`."""
        return self if self.unread_text is None else _UnreadError(self, self.unread_text)


class _UnreadError(ConflictError):
    """A conflict, told without what is stored."""

    unread_text = None

    def __init__(self, error: ConflictError, text: str) -> None:
        super().__init__(text)
        self.title = error.title
        self._members = {name: value for name, value in error.members.items() if name in ("field", "rule")}

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return dict(self._members)


class OverloadedError(ProvgraphError):
    """Too much is waiting to be written; the same request may succeed in a moment."""

    status = 503
    title = "Overloaded"
    retry_after_seconds = 1


class StoreError(ProvgraphError):
    """A store could not do its work; nothing was acknowledged that is not stored."""

    status = 503
    title = "Store unavailable"


class StoreFullError(StoreError):
    """The disk, or the space given to a store, is used up."""

    title = "Store full"


class CorruptStoreError(StoreError):
    """A store's file is damaged, or its digest chain does not verify."""

    title = "Store corrupt"


class ChangedEventError(CorruptStoreError):
    """An event of the log is not what was recorded. Nothing was read beyond it."""

    title = "Event changed"

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"position": self.position}


class UnreadableEventError(CorruptStoreError):
    """What an event of the log says cannot be read."""

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position


class LostEventsError(StoreError):
    """The log ends before a place that a witness saw. It takes no writes until an operator accepts the loss."""

    title = "Events lost"


class NewerEventError(StoreError):
    """The log holds an event of a kind that this version does not know. The log is sound."""

    title = "Recorded by a newer provgraph"

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"position": self.position}


class OtherTablesError(StoreError):
    """Another version of provgraph made the catalog's tables, and this process does not know them."""

    def __init__(self, done: str = "Nothing was stored") -> None:
        super().__init__(
            "Another version of provgraph has made the catalog's tables anew, and this process does not know them: "
            f"restart this process, with that version. {done}"
        )


class CheckpointMismatchError(StoreError):
    """The graph is not where this projector thought: another one wrote, or the batch was applied before."""

    title = "Checkpoint mismatch"


class TooMuchAtOnceError(StoreError):
    """The store has not the memory for what one transaction was to do; nothing was changed. Less may work."""

    title = "Too much at once"


class TakesLongerError(ProvgraphError):
    """The answer takes longer than its caller can wait; asked in another way the store will give it."""

    status = 503
    title = "Takes longer"


class LockedError(ProvgraphError):
    """Another process holds the data folder."""

    status = 503
    title = "Data folder locked"


class SettingsError(ProvgraphError):
    """The settings contradict each other or what is safe."""

    title = "Bad settings"


def told(error: Exception) -> str:
    """Return what of an error whoever asks may read: ours say it themselves, others are for the service's log."""
    return (
        str(error)
        if isinstance(error, ProvgraphError)
        else "something unexpected; the service's log says what"
    )
