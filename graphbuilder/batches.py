"""How many events are applied at once."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

# What was too much may have been a few large events: larger batches are tried again after so many that went well.
_TRIED_AGAIN_AFTER = 50


class BatchSize:
    """A number of events: the largest that is useful, or less while a store cannot take so many in one transaction."""

    def __init__(self, largest: int) -> None:
        """Begin with the largest."""
        self._largest = largest
        self._events = largest
        self._went_well = 0

    @property
    def events(self) -> int:
        """How many events to apply at once."""
        return self._events

    def shrink(self, too_many: int) -> bool:
        """Take fewer events than ``too_many``, and tell whether that is possible."""
        if too_many <= 1:
            return False
        self._events = too_many // 2
        self._went_well = 0
        logger.warning(
            "the graph store cannot take %d events in one transaction; going on with %d",
            too_many,
            self._events,
        )
        return True

    def worked(self) -> None:
        """Note that a batch of this size went well."""
        if self._events < self._largest:
            self._went_well += 1
            if self._went_well >= _TRIED_AGAIN_AFTER:
                self._events = min(self._largest, 2 * self._events)
                self._went_well = 0
