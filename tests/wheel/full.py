"""Smoke test of the built wheel with extras: serve an app, sign up, create a record, load GraphiQL.

Run by a fresh environment.

Usage: python -m tests.wheel.full APP.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.server import ServerProcess

NEW_USER = {"name": "Ada", "email": "ada@example.org", "password": "correct horse battery"}
NEW_POST = {"title": "First", "body": "From the wheel"}


def main() -> None:
    """Serves the app file from the wheel, signs up, creates a record, reads it back and ends the server."""
    import hinterland

    assert Path(str(hinterland.__file__)).is_relative_to(sys.prefix), hinterland.__file__
    command = Path(sys.executable).with_name("hinterland")
    subprocess.run([str(command), "--help"], stdout=subprocess.DEVNULL, check=True)
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(sys.argv[1]), Path(folder) / "data") as server:
        sign_up_and_write(server.url)
        load_page(f"{server.url}/graphql")
    print("The wheel with extras: passed")


def sign_up_and_write(url: str) -> None:
    """A new user's record comes back as it was written."""
    token = call(f"{url}/v1/auth/signup", NEW_USER)["access_token"]
    written = call(f"{url}/v1/records/posts", NEW_POST, token)
    read = call(f"{url}/v1/records/posts/{written['id']}", None, token)
    assert read == written, (read, written)
    assert {name: read[name] for name in NEW_POST} == NEW_POST, read


def load_page(url: str) -> None:
    """GraphiQL's page and its script are in the wheel."""
    request = urllib.request.Request(url, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=20) as page:
        assert b'src="./graphql/graphiql.js"' in page.read()
    with urllib.request.urlopen(f"{url}/graphiql.js", timeout=20) as script:
        assert len(script.read()) > 100_000


def call(url: str, body: dict[str, str] | None, token: str = "") -> dict[str, Any]:
    """GET, or POST of a JSON body; answers the JSON object of a successful answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


if __name__ == "__main__":
    main()
