"""Tokens, host names, headers."""

from __future__ import annotations

import flask
import pytest

from queries.explorer.security import COOKIE, is_loopback, new_token, protect


def served(**settings) -> flask.testing.FlaskClient:
    server = flask.Flask("test")
    server.add_url_rule("/", "home", lambda: "home")
    protect(server, **settings)
    return server.test_client()


def test_every_answer_has_its_headers() -> None:
    headers = served(token=None, loopback=True, script_hashes=["'sha256-abc'"]).get("/").headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["script-src"] == "'self' 'unsafe-eval' 'sha256-abc'"
    assert policy["object-src"] == policy["base-uri"] == "'none'"
    assert "http" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_foreign_name_that_points_here_gets_nothing() -> None:
    client = served(token=None, loopback=True)
    assert client.get("/", base_url="http://127.0.0.1:8050").status_code == 200
    assert client.get("/", base_url="http://localhost:8050").status_code == 200
    assert client.get("/", base_url="http://[::1]:8050").status_code == 200
    refused = client.get("/", base_url="http://evil.example:8050")
    assert refused.status_code == 403
    assert b"home" not in refused.data
    assert "Content-Security-Policy" in refused.headers


def test_a_token_is_asked_for_once_and_leaves_the_address() -> None:
    client = served(token="secret", loopback=False)
    assert client.get("/?key=imatinib").status_code == 403
    assert client.get("/?token=wrong").status_code == 403
    admitted = client.get("/?token=secret&key=imatinib&expand=a&expand=b")
    # Not a redirection: after a link on another site a browser would not send the cookie along with that.
    assert (admitted.status_code, admitted.headers["Refresh"]) == (200, "0; url=/?key=imatinib&expand=a&expand=b")
    assert b"secret" not in admitted.data
    cookie = admitted.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "secret" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/?key=imatinib").data == b"home"


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", '/"><script>alert(1)</script>'])
def test_the_step_after_the_token_leads_to_no_other_host_and_runs_nothing(path: str) -> None:
    admitted = served(token="secret", loopback=False).get(path, query_string={"token": "secret", "a": '"><b>'})
    assert admitted.headers["Refresh"].startswith("0; url=/")
    assert not admitted.headers["Refresh"].startswith(("0; url=//", "0; url=/\\"))
    assert b"<script" not in admitted.data
    assert b"<b>" not in admitted.data


def test_a_wrong_cookie_is_no_token() -> None:
    client = served(token="secret", loopback=False)
    client.set_cookie(COOKIE, "wrong")
    assert client.get("/").status_code == 403


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", 1), ("::1", 1), ("localhost", 1), ("0.0.0.0", 0), ("pc", 0)])
def test_what_is_loopback(host: str, local: int) -> None:
    assert is_loopback(host) == bool(local)


def test_tokens_are_long_and_differ() -> None:
    assert len(new_token()) >= 32
    assert new_token() != new_token()
