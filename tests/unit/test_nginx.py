"""How `tests.deployment.nginx` reads a configuration: as nginx's documentation says."""

from __future__ import annotations

import pytest

from tests.deployment.examples import EXAMPLES
from tests.deployment.nginx import Nginx, parse

MAP = """
# A comment; with { what } is no directive.
map $request_method $by_method { default reader:80; POST writer:80; }
server {
    set $fixed fixed:80;
    location /by/method { proxy_pass http://$by_method; }
    location / { proxy_pass http://$fixed; }
}
"""


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_calls_go_where_the_documentation_says(number: int) -> None:
    configuration, answerers = EXAMPLES[number]
    nginx = Nginx(configuration)

    assert {target: nginx.answerer("GET", target) for target in answerers} == answerers


def test_a_map_chooses_by_method() -> None:
    nginx = Nginx(MAP)

    chosen = [nginx.answerer(method, "/by/method") for method in ("GET", "POST", "HEAD")]

    assert chosen == ["reader:80", "writer:80", "reader:80"]
    assert nginx.answerer("POST", "/") == "fixed:80"
    assert nginx.upstreams == {"reader:80", "writer:80", "fixed:80"}


def test_words_and_quotes_are_read() -> None:
    (directive,) = parse("""location ~ "^/a{2};" { add_header 'a b' "c" always; }""")

    assert directive.arguments == ("~", "^/a{2};")
    assert directive.block[0][:2] == ("add_header", ("a b", "c", "always"))


@pytest.mark.parametrize(
    "overlooked",
    [
        "rewrite ^/a /b;",
        "if ($request_method = POST) { return 405; }",
        "location /a/ { proxy_pass http://a/b/; }",
        "location /a/ { proxy_pass https://a; }",
        "location /a/ { limit_except GET { deny all; } proxy_pass http://a; }",
        "location /a/ { location /a/b/ { proxy_pass http://a; } }",
        "location !~ /a/ { proxy_pass http://a; }",
    ],
)
def test_what_would_be_overlooked_is_refused(overlooked: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        Nginx(f"server {{ {overlooked} }}")


def test_what_is_not_nginx_is_refused() -> None:
    with pytest.raises(ValueError, match="not nginx's syntax"):
        parse('location "/a { proxy_pass http://a; }')
