"""What one document may take, all its calls together."""

from __future__ import annotations

from typing import Any

import orjson

from infrahub.errors import DocumentError

# A list of 5,000 nodes with a hundred fields each. Aliases multiply: without a bound, 40 KB ask for gigabytes.
MOST_CELLS = 500_000
# Each is a question to the store: members of a group, children of a node, objects that are not known yet.
MOST_LOOK_UPS = 20_000
# Objects that are read count as look-ups as well, these many as one.
OBJECTS_OF_A_LOOK_UP = 20
# Bytes of a value or a name that count as one cell.
_CELL_BYTES = 50


class Budget:
    """What a document has left."""

    def __init__(self) -> None:
        self._cells = MOST_CELLS
        self._look_ups = MOST_LOOK_UPS

    def require(self) -> None:
        """
        Let a call begin.

        :raises DocumentError: the calls before it took everything
        """
        self.expect_cells(0)
        self._refuse_look_ups()

    def take_cells(self, number: int) -> None:
        """
        Count fields that are answered.

        :raises DocumentError: they are too many
        """
        self.expect_cells(number)
        self._cells -= number

    def expect_cells(self, number: int) -> None:
        """
        Refuse what would be too much, before it is made.

        :raises DocumentError: so many fields are too many
        """
        if number > self._cells:
            self._cells = -1  # nothing that follows is answered
            raise DocumentError(
                f"The document asks for more than {MOST_CELLS} fields, each counted for every node that has it and "
                "a long value as several: ask for fewer nodes or fields at once"
            )

    def take_look_up(self, objects: int = 0) -> None:
        """
        Count a question to the store, of ``objects`` by their ids.

        :raises DocumentError: they are too many
        """
        self._look_ups -= 1 + objects // OBJECTS_OF_A_LOOK_UP
        self._refuse_look_ups()

    def _refuse_look_ups(self) -> None:
        if self._look_ups < 0:
            raise DocumentError(
                f"The document needs more than {MOST_LOOK_UPS} look-ups (members, relationships, ids of a filter): "
                "ask for fewer nodes at once"
            )


def cells_of(value: Any) -> int:
    """Return how many cells a value or a name counts as."""
    if isinstance(value, str):
        return 1 + len(value) // _CELL_BYTES
    if isinstance(value, (list, dict)):
        return 1 + len(orjson.dumps(value)) // _CELL_BYTES
    return 1
