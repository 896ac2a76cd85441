"""What logs that one process uses have in common."""

from __future__ import annotations


class LocalLease:
    """A `Lease` where there is one process only: it has what nobody else could take."""

    def held(self) -> bool:
        """See `Lease.held`."""
        return True

    def is_held_by_anyone(self) -> bool:
        """See `Lease.is_held_by_anyone`."""
        return True

    def release(self) -> None:
        """See `Lease.release`."""
