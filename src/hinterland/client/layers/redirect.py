"""Where a request may go: to safe addresses only, and with nothing that the server there may not have."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

from hinterland.client.errors import InsecureAddress, InvalidSetting, RedirectRefused
from hinterland.client.exchange import Layer, Request, Response, Send, origin_of

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE = frozenset({"GET", "HEAD"})
# Headers that only the origin they were meant for may see.
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization", "idempotency-key"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    if host in ("localhost", "127.0.0.1") or host.endswith(".localhost"):
        return True
    import ipaddress  # needed for other hosts only, and loading it takes its time

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(url: str, *, allow_http: bool) -> None:
    """Raises InsecureAddress for plain http beyond this machine, InvalidSetting for what is not an http(s) URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(parts):
        raise InvalidSetting(
            f"{url!r} is not the address of a server.",
            advice="Begin it with https:// or http://, and give a port as :8000.",
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise InsecureAddress(detail=f"{parts.scheme}://{parts.hostname}")


def _has_port(parts: SplitResult) -> bool:
    """Whether the port is one, or left out."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def next_request(request: Request, response: Response, *, allow_http: bool) -> Request:
    """The request that a redirect asks for (RFC 9110 §15.4). Raises RedirectRefused where it would not be safe."""
    target = urljoin(request.url, response.headers.get("location", ""))
    _check_target(request, target, allow_http=allow_http)
    is_same = origin_of(target) == origin_of(request.url)
    if response.status == 303 and request.method not in _SAFE:
        request = request.replaced(method="GET", content=b"", body=None, headers=_without(request, {"content-type"}))
    if request.method not in _SAFE and (response.status in (301, 302) or not is_same):
        raise _refused(f"{request.method} answered {response.status} to {_place(target)}")
    if not request.can_be_sent:
        raise _refused(f"{request.method} answered {response.status} to {_place(target)}; the body can't be sent again")
    kept = request.headers if is_same else _without(request, _PRIVATE)
    return request.replaced(url=target, headers=kept, has_auth=request.has_auth and is_same)


def redirect(*, allow_http: bool) -> Layer:
    """Follows redirects that are safe, and refuses those that are not.

    To another origin go GET and HEAD only, without Authorization, cookies and keys; from https to http goes nothing.
    """

    async def layer(request: Request, send: Send) -> Response:
        check_address(request.url, allow_http=allow_http)
        for _ in range(MOST_REDIRECTS + 1):
            response = await send(request)
            if response.status not in _REDIRECTS or "location" not in response.headers:
                return response
            await response.close()
            request = next_request(request, response, allow_http=allow_http)
        raise _refused(f"more than {MOST_REDIRECTS} redirects")

    return layer


def _check_target(request: Request, target: str, *, allow_http: bool) -> None:
    if urlsplit(request.url).scheme == "https" and urlsplit(target).scheme == "http":
        raise _refused(f"from https to {_place(target)}")
    try:
        check_address(target, allow_http=allow_http)
    except (InsecureAddress, ValueError) as error:
        raise _refused(f"to {_place(target)}") from error


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"


def _refused(detail: str) -> RedirectRefused:
    return RedirectRefused(detail=detail)


def _without(request: Request, names: frozenset[str] | set[str]) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in names}
