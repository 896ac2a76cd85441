"""Configurations from nginx's documentation, and what it says of them."""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """A configuration, and who answers which target."""

    configuration: str
    answerers: dict[str, str]


# The example of `location`: five configurations, A to E.
_LOCATIONS = """
server {
    listen 80;
    location = / { proxy_pass http://a.test:80; }
    location / { proxy_pass http://b.test:80; }
    location /documents/ { proxy_pass http://c.test:80; }
    location ^~ /images/ { proxy_pass http://d.test:80; }
    location ~* \\.(gif|jpg|jpeg)$ { proxy_pass http://e.test:80; }
}
"""
# "If this is not desired, an exact match of the URI and location could be defined".
_USERS = """
server {
    listen 80;
    location /user/ { proxy_pass http://user.test:80; }
    location = /user { proxy_pass http://login.test:80; }
    location /other/ { proxy_pass http://other.test:80; }
}
"""
# "The search of regular expressions terminates on the first match", in the order of their appearance.
_PATTERNS = """
server {
    listen 80;
    location ~ ^/a/(b|c) { proxy_pass http://first.test:80; }
    location ~ "^/a/b{2}" { proxy_pass http://second.test:80; }
    location /a/bb/long/ { proxy_pass http://long.test:80; }
    location ~ /a { proxy_pass http://third.test:80; }
}
"""

EXAMPLES = (
    Example(
        _LOCATIONS,
        {
            "/": "a.test:80",
            "/index.html": "b.test:80",
            "/documents/document.html": "c.test:80",
            "/images/1.gif": "d.test:80",
            "/documents/1.jpg": "e.test:80",
            "/documents/1.JPG": "e.test:80",
            "/documents": "301",
            "/images": "301",
            # Paths are normalized first.
            "//documents///document.html": "c.test:80",
            "/%64ocuments%2Fdocument.html": "c.test:80",
            "/documents/../document.html": "b.test:80",
            "/documents/./a/..": "c.test:80",
            "/documents/%2E%2E": "a.test:80",
            "/..": "400",
            "/%00": "400",
            "/?/documents/": "a.test:80",
        },
    ),
    Example(
        _USERS,
        {
            "/user": "login.test:80",
            "/user/": "user.test:80",
            "/user/x": "user.test:80",
            "/other": "301",
            "/other?x": "301",
            "/users": "404",
        },
    ),
    Example(
        _PATTERNS,
        {
            "/a/bb": "first.test:80",
            "/a/bb/long/x": "first.test:80",
            "/a/bb/long": "301",
            "/x/a/bb": "third.test:80",
            "/A/bb": "404",
        },
    ),
)
