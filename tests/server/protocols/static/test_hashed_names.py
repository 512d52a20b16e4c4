"""Names of files with a hash of their content."""

from __future__ import annotations

import base64
import hashlib

import pytest

from hinterland.server.protocols.static.hashed_names import is_hashed


@pytest.mark.parametrize(
    "path",
    [
        "assets/index-BwOPSdeb.js", "assets/index-C_gcIYdA.css", "assets/index-DiwrgTda.js", "assets/a-D-x9_aBc.js.map",
        "assets/inter-latin-CFWc8sBt.woff2", "_astro/index.DkP3-c8a.css", "_nuxt/DeHs1aBc.js", "chunks/x-k3Jd8Qpa.mjs",
        "main-6ZJ5H4QY.js", "chunk-PLDDJCW6.js", "main.8e0d2a1f.js", "static/js/2.7c9f3b1a.chunk.js",
        "static/js/main.8e0d2a1f.js.LICENSE.txt", "app.5f4dcc3b5aa765d61d83.css", "workbox-4723e66c.js",
        "5f4dcc3b5aa765d61d83.png", "app-5f4dcc3b5aa765d61d8327deb882cf99.js", "css/base.27e20196a850.css",
        "_next/static/chunks/main.js", "_next/static/buildid/_buildManifest.js", "_app/immutable/entry/start.x.js",
        "assets/swiper-BwOPSdeb.js",
    ],
)  # fmt: skip
def test_hashed(path: str) -> None:
    """The names that bundlers give to files whose content never changes."""
    assert is_hashed(path)


@pytest.mark.parametrize(
    "path",
    [
        "index.html", "config.js", "icon.svg", "main.js", "assets/photo-Settings.png", "assets/page-UserList.js",
        "assets/fonts/Source-MediumIt.otf", "assets/fonts/Minion-SemiCnIt.otf",
        "assets/clip-iPhone15.mp4", "assets/photo-IMG_0001.jpg", "assets/hero-1280x720.jpg", "assets/UserCard.js",
        "assets/sign-up-template.js", "sign-in-settings.js", "report-20260101.pdf", "photo-RELEASE2.png",
        "chapter-version2.html", "face2face.html", "clip-decade10.mp4", "photo-2020feed.png", "assets/x-up-page2.js",
        "3fa85f64-5717-4562-b3fc-2c963f66afa6.png", "setup-x86linux.js", "sw.js", "service-worker.js",
        "assets/sw-BwOPSdeb.js", "assets/manifest-BwOPSdeb.webmanifest", "assets/page-BwOPSdeb.html",
        "img/photo-BwOPSdeb.png", "_nuxt/builds/latest.json", "x-BwOPSdeb", "main.8e0d2a1f", "assets/", "",
    ],
)  # fmt: skip
def test_not_hashed(path: str) -> None:
    """Words, numbers, dates and UUIDs, pages, service workers and manifests are checked again with each use."""
    assert not is_hashed(path)


@pytest.mark.parametrize(
    ("pattern", "least"),
    [("assets/index-{64}.js", 0.93), ("_nuxt/{64}.js", 0.93), ("chunk-{32}.js", 0.8), ("main.{8}.js", 0.87),
     ("a-{20}.css", 0.99)],
)  # fmt: skip
def test_most_hashes_are_found(pattern: str, least: float) -> None:
    """Few hashes look like words or numbers."""
    found = 0
    for number in range(2_000):
        digest = hashlib.sha256(b"%d" % number).digest()
        hashes = {
            "{64}": base64.urlsafe_b64encode(digest).decode()[:8],
            "{32}": base64.b32encode(digest).decode()[:8],
            "{8}": digest.hex()[:8],
            "{20}": digest.hex()[:20],
        }
        path = pattern
        for word, text in hashes.items():
            path = path.replace(word, text)
        found += is_hashed(path)
    assert found / 2_000 >= least
