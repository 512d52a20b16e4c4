"""`GET /`: what this is and where to go, as a page for people and as JSON for programs.

Every address in it is relative, so that it leads to the right place below a proxy's prefix too.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.util import find_spec
from string import Template

from hinterland.contract.errors import Refusal
from hinterland.server.backend import Backend
from hinterland.server.data.admission import is_closed
from hinterland.server.data.catalogue import Entry
from hinterland.server.http import NO_STORE, Headers, HttpAnswer, HttpRequest, accepts_html, json_answer
from hinterland.server.websocket import SOCKET

_STYLE = """
:root { color-scheme: light dark; --paper: #f7f6f1; --card: #fff; --ink: #17242b; --soft: #55646c; --line: #dfe0da;
  --deep: #0a6370; --hill: #7fae8d; --far: #bcd3bd; --sea: #d9e8e6 }
@media (prefers-color-scheme: dark) { :root { --paper: #0e1518; --card: #151f23; --ink: #e7edee; --soft: #9db0b6;
  --line: #26343a; --deep: #7ccfd3; --hill: #2f5c4b; --far: #21433c; --sea: #142a30 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif;
  overflow-wrap: anywhere }
svg { display: block; inline-size: 100%; block-size: clamp(5.5rem, 18vw, 10rem); background: var(--sea) }
main { max-inline-size: 44rem; margin-inline: auto; padding: clamp(1.5rem, 5vw, 3rem) clamp(1rem, 5vw, 2rem) }
h1 { margin: 0; font-size: clamp(1.75rem, 7vw, 2.75rem); line-height: 1.15; letter-spacing: -.02em; text-wrap: balance }
h2 { margin: 2.25rem 0 .6rem; font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; color: var(--soft) }
p { margin: .75rem 0 0; max-inline-size: 60ch; color: var(--soft) }
ul { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: .75rem; overflow: hidden;
  background: var(--card) }
li + li { border-block-start: 1px solid var(--line) }
a { color: var(--deep); text-underline-offset: .2em; font-weight: 600 }
li a, li div { display: block; padding: .75rem 1rem; text-decoration: none; font-weight: 600 }
li a:hover { background: var(--sea) }
a:focus-visible { outline: 3px solid var(--deep); outline-offset: -3px; border-radius: .75rem }
li span { display: block; font-weight: 400; font-size: .9rem; color: var(--soft) }
"""
_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$name</title>
<link rel="icon" href="data:,">
<style>$style</style>
<svg viewBox="0 0 1200 160" preserveAspectRatio="none" aria-hidden="true">
<path fill="var(--far)" d="M0 92C180 20 330 22 520 74s330 20 470-22 170-12 210 8v100H0z"/>
<path fill="var(--hill)" d="M0 128c150-44 300-52 470-20s290 34 430 0 230-36 300-18v70H0z"/>
</svg>
<main>
<h1><bdi>$name</bdi></h1>
<p>This server is running. It is the backend of an app, made with Hinterland, and speaks JSON.</p>
<h2>Where to go</h2>
<ul>
<li><a href="openapi.json">The API<span>Every path with its fields and errors, as OpenAPI 3.1</span></a></li>
$graphql<li><div>WebSocket<span>v1/socket: calls, live events and channels on one connection</span></div></li>
<li><a href="readyz">Ready<span>Whether the database answers</span></a></li>
<li><a href="health">Health<span>Whether the process lives</span></a></li>
</ul>
<h2>Collections</h2>
<ul>
$collections
</ul>
</main>
</html>
""")
_GRAPHQL = "<li><div>GraphQL<span>graphql: queries, mutations and subscriptions</span></div></li>"
_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_VARY = (b"vary", b"Accept")
_OF_PAGE: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'".encode(),
    ),
    _VARY,
    NO_STORE,
]


async def home(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """A page where the caller accepts HTML by name, as browsers do; JSON else. Collections that nobody but
    administrators may use are not on it."""
    if SOCKET in request.scope:
        raise Refusal("not_found", "there is no WebSocket at '/'; connect to /v1/socket or /graphql")
    catalogue = backend.catalogue
    entries = [each for each in catalogue.entries.values() if not each.collection.parent and catalogue.is_used(each)]
    if accepts_html(request):
        return HttpAnswer(200, _OF_PAGE, _page(backend.app.name, entries).encode())
    here = {"name": backend.app.name, "openapi": "openapi.json", "ready": "readyz", "health": "health"}
    here |= {"events": "v1/events", "socket": "v1/socket", **({"graphql": "graphql"} if _has_graphql() else {})}
    places = {entry.name: _place(entry) for entry in entries}
    return json_answer({**here, "collections": places}, headers=[_VARY])


def _page(name: str, entries: list[Entry]) -> str:
    from html import escape  # with a table of all entities, which only this page needs

    items = [f"<li>{_item(entry)}</li>" for entry in entries]
    graphql = f"{_GRAPHQL}\n" if _has_graphql() else ""
    return _PAGE.substitute(name=escape(name), style=_STYLE, graphql=graphql, collections="\n".join(items))


def _has_graphql() -> bool:
    return find_spec("graphql") is not None


def _item(entry: Entry) -> str:
    """A collection: a link where it can be read without signing in."""
    if is_closed(entry.rules["list"]):
        return f"<div>{entry.name}<span>{_place(entry)}, for those who are signed in</span></div>"
    return f'<a href="{_place(entry)}">{entry.name}<span>{_place(entry)}</span></a>'


def _place(entry: Entry) -> str:
    return f"v1/records/{entry.name}"
