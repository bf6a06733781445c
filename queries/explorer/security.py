"""Who may ask, and what a page may do: token, host names, headers."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from html import escape
from urllib.parse import quote, urlencode

import flask

COOKIE = "infoalign-explorer"
TOKEN = "token"  # noqa: S105 - the name of the parameter
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(24)


def protect(server: flask.Flask, *, token: str | None, loopback: bool, script_hashes: Sequence[str] = ()) -> None:
    """Guard every request and give every answer its headers.

    Parameters
    ----------
    server
        The application.
    token
        Asked for once, as ``?token=…``; it becomes a cookie, and leaves the address. None: nobody is asked.
    loopback
        Whether only this machine can reach the server: then a request must name it by a local name, so that a page of
        another site, whose name was made to point here, gets nothing (DNS rebinding).
    script_hashes
        Of the inline scripts that may run, as ``'sha256-…'``.
    """
    policy = "; ".join(
        (
            "default-src 'self'",
            # Plotly's WebGL compiles its drawing functions.
            f"script-src 'self' 'unsafe-eval' {' '.join(script_hashes)}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )

    @server.before_request
    def guard() -> flask.Response | None:
        request = flask.request
        if loopback and request.host.rsplit(":", 1)[0].strip("[]") not in LOOPBACK_NAMES | {"[::1]"}:
            return _refusal("This explorer answers to local names alone.")
        if token is None:
            return None
        offered = request.args.get(TOKEN)
        if offered is not None and _equal(offered, token):
            return _admitted(request, token)
        if _equal(request.cookies.get(COOKIE, ""), _session(token)):
            return None
        return _refusal("This explorer asks for its token: open the address that its start printed.")

    @server.after_request
    def headers(response: flask.Response) -> flask.Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


def _admitted(request: flask.Request, token: str) -> flask.Response:
    """Set the cookie, and go to the same address without the token.

    The page goes there by itself. A redirection would still count as the step of the site that a link was clicked on
    (a mail, a wiki), and a cookie that is ``SameSite=Strict`` is not sent with that one.
    """
    rest = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != TOKEN])
    # Never another host: //host and /\\host would be one.
    path = "/" + request.path.lstrip("/\\")
    response = flask.make_response(f'<!DOCTYPE html><title>…</title><a href="{escape(path + "?" + rest)}">go on</a>')
    response.headers["Refresh"] = f"0; url={quote(path)}?{rest}"
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie(COOKIE, _session(token), httponly=True, samesite="Strict", secure=request.is_secure, path="/")
    return response


def _session(token: str) -> str:
    """Return what the cookie holds: enough to come in, but not the token itself, and any token fits into a cookie."""
    return hmac.new(token.encode(), COOKIE.encode(), "sha256").hexdigest()


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _refusal(sentence: str) -> flask.Response:
    response = flask.make_response(sentence + "\n", 403)
    response.mimetype = "text/plain"
    return response
