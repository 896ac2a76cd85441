"""What the catalog's questions need and databases spell differently, as SQLAlchemy constructs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

# On PostgreSQL an index takes texts up to 2.7 kB, and names may be as long as an event. So what is unique there is a
# text's beginning together with the hash of a long one. (The doubled backslashes make `decode` give the text's own
# bytes.) The index is used by who asks for exactly these.
_BEGINNING = "left({0}, 200)"
_BYTES = r"decode(replace({0}, '\', '\\'), 'escape')"
_HASH_OF_LONG = f"(CASE WHEN octet_length({{0}}) > 200 THEN sha256({_BYTES}) ELSE ''::bytea END)"
UNIQUE_PARTS = (_BEGINNING, _HASH_OF_LONG)


class position_in(FunctionElement[int]):  # noqa: N801 - named as the function that it becomes
    """Where the first text holds the second one, from 1 on; 0 when it does not. No wildcards, and case counts."""

    type = Integer()
    inherit_cache = True


class names_in(FunctionElement[str]):  # noqa: N801 - named as the function that it becomes
    """The texts in a JSON list, as a table with the column ``value``."""

    type = String()
    inherit_cache = True


class same_text(FunctionElement[bool]):  # noqa: N801 - named as the function that it becomes
    """Whether two texts are the same, found by the index of a unique one."""

    type = Boolean()
    inherit_cache = True


@compiles(position_in)
def _position_in(element: position_in, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(position_in, "postgresql")
def _position_in_on_postgresql(element: position_in, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(names_in)
def _names_in(element: names_in, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(names_in, "postgresql")
def _names_in_on_postgresql(element: names_in, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text(({compiler.process(element.clauses, **options)})::json)"


@compiles(same_text)
def _same_text(element: same_text, compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{left} = {right}"


@compiles(same_text, "postgresql")
def _same_text_on_postgresql(element: same_text, compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    parts = [f"{part.format(left)} = {part.format(right)}" for part in UNIQUE_PARTS]
    return f"({' AND '.join(parts)} AND {left} = {right})"
