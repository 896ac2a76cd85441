"""
To whom nginx passes a call, by its documented rules, read from a configuration with one server.

https://nginx.org/en/docs/http/ngx_http_core_module.html#location says which location is taken:

1. The path is normalized: escapes are undone, ``.`` and ``..`` are resolved, slashes side by side are one.
2. A location with ``=`` that is the path is taken.
3. Otherwise the longest location that the path begins with is remembered. With ``^~`` it is taken.
4. The first pattern (``~``, or ``~*`` for which capitals are small letters) that is found in the path is taken.
5. Otherwise the remembered one is taken.

Also, where a location that passes calls on ends in a slash, the path without this slash is answered with a redirect.

Only what ``edge.conf`` needs is understood. Whatever else would change where a call goes is refused: nothing is
overlooked in silence. ``tests/e2e/test_edge.py`` compares all of this with a real nginx, where there is one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

# What nginx answers by itself.
BAD_REQUEST = "400"
MOVED = "301"
NOT_FOUND = "404"

_TOKEN = re.compile(r"""\s+|#[^\n]*|(?P<token>[{};]|"[^"]*"|'[^']*'|[^\s{};"'#][^\s{};]*)""")
_SIGNS = ("=", "^~", "~", "~*")
# What would change where a call goes, too.
_NOT_UNDERSTOOD = {"if", "include", "merge_slashes", "return", "rewrite", "try_files", "upstream"}


class Directive(NamedTuple):
    """A directive with its arguments; one with a block has directives in it."""

    name: str
    arguments: tuple[str, ...]
    block: tuple[Directive, ...] = ()


class Location(NamedTuple):
    """A location. Its sign is empty for a plain beginning of paths."""

    sign: str
    path: str
    passes_to: str

    def fits(self, path: str) -> bool:
        """Tell whether a normalized path is this location's."""
        match self.sign:
            case "=":
                return path == self.path
            case "~":
                return re.search(self.path, path) is not None
            case "~*":
                return re.search(self.path, path, re.IGNORECASE) is not None
            case _:
                return path.startswith(self.path)


class Nginx:
    """What a configuration says of where calls go."""

    def __init__(self, configuration: str) -> None:
        """
        Read a configuration: the directives in ``http``, one server among them.

        :raises ValueError: it has directives that are not understood here
        """
        directives = parse(configuration)
        (server,) = (one for one in directives if one.name == "server")
        _refuse(one.name for one in (*directives, *server.block) if one.name in _NOT_UNDERSTOOD)
        self.locations = [_location(one) for one in server.block if one.name == "location"]
        self._set = {one.arguments[0]: one.arguments[1] for one in server.block if one.name == "set"}
        self._maps = {one.arguments[1]: _methods(one) for one in directives if one.name == "map"}

    @property
    def upstreams(self) -> set[str]:
        """To whom calls may be passed: hosts with ports."""
        named = {location.passes_to for location in self.locations}
        return {upstream for name in named for upstream in self._values(name)}

    def answerer(self, method: str, target: str) -> str:
        """Return to whom a call is passed, host and port; or the status that nginx answers by itself."""
        path = normalized(target)
        if path is None:
            return BAD_REQUEST
        location = self.location(path)
        if isinstance(location, str):
            return location
        return self._passed_to(location.passes_to, method)

    def location(self, path: str) -> Location | str:
        """Return the location for a normalized path; or the status that nginx answers by itself."""
        fitting = [location for location in self.locations if location.fits(path)]
        for location in fitting:
            if location.sign == "=":
                return location
        if any(one.sign in ("", "^~") and one.path == f"{path}/" for one in self.locations):
            return MOVED
        beginnings = [location for location in fitting if location.sign in ("", "^~")]
        longest = max(beginnings, key=lambda location: len(location.path), default=None)
        patterns = [location for location in fitting if location.sign in ("~", "~*")]
        if patterns and (longest is None or longest.sign != "^~"):
            return patterns[0]
        return longest or NOT_FOUND

    def _passed_to(self, name: str, method: str) -> str:
        if name in self._maps:
            methods = self._maps[name]
            return methods.get(method.lower(), methods["default"])
        return self._set[name] if name.startswith("$") else name

    def _values(self, name: str) -> set[str]:
        return set(self._maps[name].values()) if name in self._maps else {self._passed_to(name, "")}


def parse(configuration: str) -> tuple[Directive, ...]:
    """Return the directives of a configuration."""
    return tuple(_directives(_tokens(configuration)))


def normalized(target: str) -> str | None:
    """Return the path that locations are compared with; None for one that nginx refuses."""
    path = re.sub("/+", "/", unquote(target.partition("?")[0]))
    kept: list[str] = []
    segments = path.removeprefix("/").split("/")
    for segment in segments:
        if segment == ".." and not kept:
            return None  # it leads out of the root
        if segment == "..":
            kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return None if "\0" in path else "/" + "/".join(kept)


def _tokens(configuration: str) -> Iterator[str]:
    end = 0
    while end < len(configuration):
        found = _TOKEN.match(configuration, end)
        if found is None:
            raise ValueError(f"This is not nginx's syntax: {configuration[end : end + 40]!r}")
        end = found.end()
        if found["token"] is not None:
            yield found["token"]


def _directives(tokens: Iterator[str]) -> Iterator[Directive]:
    """Yield the directives up to the end of the block."""
    words: list[str] = []
    for token in tokens:
        if token == "}":
            return
        if token not in ("{", ";"):
            words.append(token[1:-1] if token[0] in "\"'" else token)
            continue
        block = tuple(_directives(tokens)) if token == "{" else ()
        yield Directive(words[0], tuple(words[1:]), block)
        words = []


def _location(directive: Directive) -> Location:
    *signs, path = directive.arguments
    _refuse(sign for sign in signs if sign not in _SIGNS)
    _refuse(one.name for one in directive.block if one.name != "proxy_pass")
    ((upstream,),) = (one.arguments for one in directive.block)
    scheme, _, name = upstream.partition("://")
    # With a path after its name the upstream would be sent another one than the client asked for.
    _refuse([upstream] if scheme != "http" or "/" in name else [])
    return Location("".join(signs), path, name)


def _methods(directive: Directive) -> dict[str, str]:
    """Return what a map from methods says. Capitals are small letters in its keys."""
    source, _ = directive.arguments
    _refuse([] if source == "$request_method" else [source])
    _refuse(one.name for one in directive.block if one.name.startswith("~"))
    return {one.name.lower(): one.arguments[0] for one in directive.block}


def _refuse(names: Iterator[str] | list[str]) -> None:
    found = list(names)
    if found:
        raise ValueError(f"This is not understood here: {', '.join(found)}")
