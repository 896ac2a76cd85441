"""Words that several reports share."""

from __future__ import annotations

_LINE_ENDS = str.maketrans(
    {
        **{code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0))},
        ord("\n"): "\\n",
        ord("\r"): "\\r",
        ord("\t"): "\\t",
        0x2028: "\\u2028",
        0x2029: "\\u2029",
    }
)


def one_line(name: str) -> str:
    """Return a name as one line of text: line ends and control characters are escaped, nothing else."""
    return name if name.isprintable() else name.translate(_LINE_ENDS)


def counted(number: int, what: str) -> str:
    """Return ``1 artifact``, ``2 artifacts``, ``1,234 artifacts``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
