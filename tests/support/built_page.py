"""A web page as a bundler writes it, without a bundler."""

from __future__ import annotations

from pathlib import Path

NAVIGATION = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
SCRIPT = "assets/index-BwOPSdeb.js"
INDEX = f'<!doctype html><title>the page</title><script type="module" src="/{SCRIPT}"></script>'
CODE = "console.log('a line of code that repeats itself');\n" * 200
SECRET = "planted"


def built_page(folder: Path) -> Path:
    """Makes the folder of a page, with what must not be served in it and beside it; answers `folder`."""
    files = {
        "index.html": INDEX,
        SCRIPT: CODE,
        "assets/photo-Settings.png": "\x89PNG",
        "config.js": "window.CONFIG = {};",
        "sw.js": "self.oninstall = null;",
        "manifest.webmanifest": "{}",
        "docs/index.html": "<!doctype html>docs",
        "about.html": "<!doctype html>about",
        "module.wasm": "\0asm",
        "a name & more.txt": "spaces",
        ".well-known/security.txt": "Contact: mailto:x@example.org",
        ".env": SECRET,
        ".git/config": SECRET,
        "assets/.secret": SECRET,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (folder.parent / f"{folder.name}-beside").mkdir()  # its name begins as the folder's does
    (folder.parent / f"{folder.name}-beside" / "secret.txt").write_text(SECRET)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "linked").symlink_to(outside)
    (folder / "beside.txt").symlink_to(folder.parent / f"{folder.name}-beside" / "secret.txt")
    (folder / "hidden.txt").symlink_to(folder / ".env")
    (folder / "inside.js").symlink_to(folder / "config.js")
    (folder / "loop").symlink_to(folder / "loop")
    return folder
