"""Reads the file that defines kinds of tracked objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from provgraph.errors import InvalidInputError, SettingsError
from provgraph.tracking.kinds import BUILT_IN, read_schema, refuse_two_of_one_name

if TYPE_CHECKING:
    from pathlib import Path


def read_schema_file(path: Path | None) -> list[dict[str, Any]]:
    """
    Return the definitions in a schema file (YAML, of which JSON is a part), none when there is no file.

    :raises SettingsError: it is not there, or cannot be read
    """
    if path is None:
        return []
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        definitions = read_schema(document, where=str(path))
        refuse_two_of_one_name((*BUILT_IN, *definitions))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, InvalidInputError) as error:
        raise SettingsError(f"PROVGRAPH_SCHEMA_FILE: {path} cannot be read: {error}") from error
    return definitions
