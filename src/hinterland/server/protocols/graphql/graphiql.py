"""GraphiQL, an editor for GraphQL, as the page that a browser is shown at `/graphql` while an app is developed.

Its files are built from `web/graphiql` (`make page`) and are in the package: nothing is loaded from elsewhere.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from pathlib import Path
from string import Template

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.http import NO_STORE, HttpAnswer, HttpRequest, send_answer

_FOLDER = Path(__file__).with_name("page")
_KINDS = {
    "graphiql.js": b"text/javascript; charset=utf-8",
    "graphiql.css": b"text/css; charset=utf-8",
    "licenses.md": b"text/markdown; charset=utf-8",
}
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>GraphiQL</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="./graphql/graphiql.css">
<script type="module" src="./graphql/graphiql.js" nonce="$nonce"></script>
</head>
<body><main id="graphiql"><noscript>GraphiQL needs JavaScript</noscript></main></body>
</html>
""")
_POLICY = Template(
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-$nonce'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_answer() -> HttpAnswer:
    """The page. Styles that it adds while it runs have the nonce of this response."""
    nonce = secrets.token_urlsafe(16)
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", _POLICY.substitute(nonce=nonce).encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"vary", b"Accept"),
        NO_STORE,
    ]
    return HttpAnswer(200, headers, _PAGE.substitute(nonce=nonce).encode())


class GraphiQLFiles:
    """The ASGI application of the page's files."""

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request. Raises `not_found`, and `method_not_allowed`."""
        request, name = HttpRequest(scope, receive), scope["path_params"]["file"]
        if name not in _KINDS:
            raise Refusal("not_found", f"no such file: {name[:100]!a}")
        if request.method not in ("GET", "HEAD"):
            raise Refusal("method_not_allowed", "a file takes GET and HEAD", headers=(("Allow", "GET, HEAD"),))
        data, tag = _read(name)
        headers = [(b"cache-control", b"no-cache"), (b"etag", tag)]
        if request.header(b"if-none-match") == tag.decode():
            await send_answer(scope, send, HttpAnswer(304, headers, b""))
        else:
            await send_answer(scope, send, HttpAnswer(200, [(b"content-type", _KINDS[name]), *headers], data))


@cache
def _read(name: str) -> tuple[bytes, bytes]:
    data = (_FOLDER / name).read_bytes()
    return data, b'"%b"' % hashlib.sha256(data).hexdigest()[:32].encode()
