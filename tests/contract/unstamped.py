"""Read models of the tests' own, written with a log."""

from __future__ import annotations


class Unstamped:
    """A read model whose tables are nobody else's: nothing is kept of them."""

    def begin(self, _connection: object) -> None:
        """Make nothing: who uses it has its tables."""

    def is_written_to(self, _found: str | None) -> bool:
        return True
