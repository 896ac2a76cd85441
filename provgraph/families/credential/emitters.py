"""
For which emitters a credential may speak.

A pattern is an emitter's name in which ``*`` stands for any text, also for none. Everything else in it stands for
itself; case counts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from provgraph.errors import EmitterError

# What is remembered of names is bounded: few emitters have names as long as this.
_LONGEST_REMEMBERED = 200
_SHOWN = 100  # characters of a name in a sentence
_PATTERNS_SHOWN = 10


class Sender(NamedTuple):
    """The credential that a request came with, as far as the events in it are concerned; or nobody's."""

    id: str | None = None  # 32 hex digits; None: there was no credential
    name: str | None = None
    emitters: tuple[str, ...] = ()  # patterns of those it may speak for; empty: for all that are not reserved
    only: bool = (
        False  # it was issued with `only`: what is reserved is its own, as far as its patterns cover it
    )
    reserved: tuple[str, ...] = ()  # all patterns that credentials with `only` reserve

    @property
    def is_limited(self) -> bool:
        """Whether there can be an emitter that it may not speak for."""
        return bool(self.emitters or self.reserved)

    def check(self, emitter: str) -> None:
        """
        Let an event of this emitter pass.

        :raises EmitterError: the credential may not speak for the emitter; the text says for which it may
        """
        if self.emitters and not any_covers(self.emitters, emitter):
            raise _refusal(
                f"The credential {self.name!r} may speak for {_listed(self.emitters)}, not for the emitter",
                emitter,
                ": name another emitter, or send it with a credential for this one",
            )
        if self._is_shut_out(emitter):
            raise _refusal(
                "The emitter",
                emitter,
                " is reserved for credentials that were issued with `only` for it, "
                f"and {self._who()}: name another emitter, or send it with such a credential",
            )

    def check_change(self, emitter: str, *, of: str) -> None:
        """
        Let a change of something pass that an event of this emitter made: only a reserved emitter's is protected.

        :param of: what would change, for a sentence
        :raises EmitterError: the emitter is reserved, and not for this credential
        """
        if self._is_shut_out(emitter):
            reserved = (
                f"which is reserved for credentials that were issued with `only` for it, and {self._who()}: leave it "
                "as it is, or change it with such a credential"
            )
            raise EmitterError(
                f"{of} is of the emitter {_shown(emitter)}, {reserved}",
                unread=f"What this would change is of an emitter, {reserved}",
            )

    def _is_shut_out(self, emitter: str) -> bool:
        if not self.reserved or not any_covers(self.reserved, emitter):
            return False
        return not (self.only and any_covers(self.emitters, emitter))

    def _who(self) -> str:
        return "there was none" if self.id is None else f"{self.name!r} was not"


NOBODY = Sender()


def covers(pattern: str, emitter: str) -> bool:
    """Tell whether a pattern stands for an emitter."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == emitter
    *middle, last = rest
    end = len(emitter) - len(last)
    at = len(first)
    if at > end or not emitter.startswith(first) or not emitter.endswith(last):
        return False
    for part in middle:  # each as early as it goes, which leaves most for those after it
        found = emitter.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def any_covers(patterns: tuple[str, ...], emitter: str) -> bool:
    """Tell whether one of these patterns stands for an emitter."""
    if len(emitter) > _LONGEST_REMEMBERED:
        return any(covers(pattern, emitter) for pattern in patterns)
    return _remembered(patterns, emitter)


@lru_cache(maxsize=1_024)  # the events of a batch share their emitter
def _remembered(patterns: tuple[str, ...], emitter: str) -> bool:
    return any(covers(pattern, emitter) for pattern in patterns)


def _refusal(before: str, emitter: str, after: str) -> EmitterError:
    return EmitterError(f"{before} {_shown(emitter)}{after}", unread=f"{before} of this{after}")


def _listed(patterns: tuple[str, ...]) -> str:
    shown = ", ".join(map(_shown, patterns[:_PATTERNS_SHOWN]))
    return f"{shown} and {more} more" if (more := len(patterns) - _PATTERNS_SHOWN) > 0 else shown


def _shown(emitter: str) -> str:
    return repr(emitter if len(emitter) <= _SHOWN else f"{emitter[:_SHOWN]}...")
