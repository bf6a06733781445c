"""Explore the graph in a browser: ``python -m queries.explorer``, then open the address that it prints.

It answers to this machine alone unless ``--host`` says otherwise; then it asks for a token. It only reads.
"""

from __future__ import annotations

import argparse
import logging
import threading
import webbrowser
from urllib.parse import urlencode

from graphdb.console import note, run, say
from graphdb.errors import InfoAlignError, InputError
from graphdb.store import GraphStore
from queries.graph import opened

PORT = 8050
THREADS = 8
SECONDS = 30.0
"""Seconds that a query of a page may take."""


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.explorer", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0: any free one")
    parser.add_argument("--token", help="what a visitor must know (default: none on loopback, else a new one)")
    parser.add_argument("--open", action="store_true", help="open a browser")
    parser.add_argument("--no-preload", action="store_true", help="do not read the graph into memory at the start")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Serve until interrupted."""
    try:
        import waitress

        from queries.explorer.app import make_app
    except ImportError as error:
        raise InputError(f"the explorer needs {error.name}: pip install 'infoalign-db[explorer]'") from None
    from queries.explorer.security import TOKEN, is_loopback, new_token

    # Requests that wait for a thread are no news: each page asks for a dozen things.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    loopback = is_loopback(arguments.host)
    token = arguments.token or (None if loopback else new_token())
    with opened(allow_empty=True, timeout=SECONDS) as store:
        app = make_app(store, token=token, loopback=loopback)
        try:
            server = waitress.create_server(
                app.server, host=arguments.host, port=arguments.port, threads=THREADS, ident=None
            )
        except OSError as error:
            raise InputError(f"cannot serve on {arguments.host}:{arguments.port}: {error.strerror or error}") from error
        host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        address = f"http://{host}:{server.effective_port}/" + (f"?{urlencode({TOKEN: token})}" if token else "")
        say(f"explorer: {address}")
        note("Ctrl-C ends it")
        if not arguments.no_preload:
            threading.Thread(target=_preload, args=(store,), daemon=True).start()
        if arguments.open:
            webbrowser.open(address)
        try:
            server.run()
        finally:
            server.close()


def _preload(store: GraphStore) -> None:
    """Read names and topology, so that the first visitor does not wait for them."""
    from queries import resident
    from queries.name_index import names_of

    try:
        names_of(store)
        resident.keep(store)
    except InfoAlignError as error:
        note(f"not read ahead: {error}")


if __name__ == "__main__":
    run(main, build_parser())
