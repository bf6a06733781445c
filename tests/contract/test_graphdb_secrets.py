"""Passwords are nowhere to be seen, and the way to the server can be encrypted."""

from __future__ import annotations

import io
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import traceback
from contextlib import closing, suppress

import pytest
from rich.console import Console
from rich.traceback import Traceback

import graphdb
from graphdb.errors import GraphAuthError, GraphError, GraphUnavailableError
from graphdb.process import free_ports
from graphdb.settings import Settings

pytestmark = pytest.mark.graph

WRONG = "not-the-password-4711"


def said(error, caplog, capfd):
    """Return everything that anybody may print of an error, the variables of all frames among it."""
    out = io.StringIO()
    shown = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True, locals_max_string=500)
    Console(file=out, width=500).print(shown)
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    captured = capfd.readouterr()
    return "\n".join(
        [
            str(error),
            repr(error),
            "".join(traceback.format_exception(error)),
            "".join(with_locals.format()),
            out.getvalue(),
            caplog.text,
            captured.out,
            captured.err,
        ]
    )


@pytest.fixture
def debug(caplog):
    """The driver's log, at its most talkative."""
    caplog.set_level(logging.DEBUG, logger="neo4j")
    caplog.set_level(logging.DEBUG)
    return caplog


def test_wrong_password(store, monkeypatch, debug, capfd):
    monkeypatch.setenv("NEO4J_PASSWORD", WRONG)
    with pytest.raises(GraphAuthError, match="wrong user name or password") as caught:
        graphdb.connect(store.uri)
    text = said(caught.value, debug, capfd)
    assert "LOGON" in text or "HELLO" in text  # the driver did log what it sent
    assert WRONG not in text


def test_no_server(monkeypatch, debug, capfd):
    monkeypatch.setenv("NEO4J_PASSWORD", WRONG)
    for uri in (f"bolt://127.0.0.1:{free_ports(1)[0]}", "bolt://no.such.host.invalid:7687", "nonsense"):
        with pytest.raises(GraphError) as caught:
            graphdb.connect(uri)
        assert WRONG not in said(caught.value, debug, capfd)


def test_error_within_a_query(store, open_store, debug, capfd):
    password = store.auth[1]
    assert password
    for cypher in ("RETURN $nothing AS x", "NO CYPHER", "CREATE (:Gene {ncbi_id: 1}) WITH 1 AS x RETURN x / 0"):
        with pytest.raises(GraphError) as caught:
            store.read(cypher)
        assert password not in said(caught.value, debug, capfd)
        with pytest.raises(GraphError) as caught:
            open_store(read_only=True).write(cypher)
        assert password not in said(caught.value, debug, capfd)
    assert password not in repr(store)
    assert password not in repr(vars(store))
    assert password not in repr(Settings("bolt://here", password=password))


@pytest.fixture
def encrypted(store, tmp_path):
    """The address of a TLS server in front of the engine, with a certificate that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*make.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    engine = ("127.0.0.1", int(store.uri.rsplit(":", 1)[1]))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, context, engine), daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", certificate


def _serve(listening, context, engine):
    with suppress(OSError):
        while True:
            plain, _ = listening.accept()
            try:
                secured = context.wrap_socket(plain, server_side=True)
            except (ssl.SSLError, OSError):
                plain.close()
                continue
            onward = socket.create_connection(engine)
            for one, other in ((secured, onward), (onward, secured)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(source, target):
    with closing(source), closing(target), suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_encrypted_way(store, encrypted, monkeypatch):
    """Both engines behind TLS: a certificate that is known passes, one that is not is refused unless asked for."""
    address, certificate = encrypted
    monkeypatch.setenv("NEO4J_USERNAME", store.auth[0])
    monkeypatch.setenv("NEO4J_PASSWORD", store.auth[1])
    if store.database is not None:
        monkeypatch.setenv("NEO4J_DATABASE", store.database)
    store.write("CREATE (:Gene {ncbi_id: 5742})")
    count = "MATCH (n:Gene {ncbi_id: 5742}) RETURN count(n) AS n"
    with graphdb.connect(f"bolt+ssc://{address}") as over_tls:
        assert over_tls.engine == store.engine
        assert over_tls.read(count) == [{"n": 1}]
    with pytest.raises(GraphUnavailableError, match=r"the certificate of bolt\+s://.* is not trusted"):
        graphdb.connect(f"bolt+s://{address}")
    with pytest.raises(GraphUnavailableError):
        graphdb.connect(f"bolt://{address}")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with graphdb.connect(f"bolt+s://{address}") as over_tls:
        assert over_tls.read(count) == [{"n": 1}]
