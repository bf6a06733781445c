"""What all commands share: arguments, progress, one clear line for an error, an exit status."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from graphdb.errors import InfoAlignError
from graphdb.files import full_disk

_error_console = Console(stderr=True, highlight=False)


def run(
    main: Callable[[argparse.Namespace], None],
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
) -> NoReturn:
    """Parse `argv`, call `main`, exit.

    Exit status: 0 done, 1 an expected error (one line on stderr, no stack trace unless ``--debug``), 2 wrong usage,
    130 interrupted.
    """
    parser.add_argument("--debug", action="store_true", help="show the stack trace of an error")
    arguments = parser.parse_args(argv)
    try:
        main(arguments)
    except (InfoAlignError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        print("interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def one_line(error: BaseException) -> str:
    """Say an error in one line."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return full_disk(error.filename or "while writing")
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return "out of memory; use smaller batches or fewer sources"
    return " ".join(str(error).split()) or type(error).__name__


def say(text: str = "") -> None:
    """Print a result on stdout; ends the command if nobody reads any more (``| head``), as `rich` does for tables."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # At its end Python flushes stdout once more: into nothing (Python's manual, "Note on SIGPIPE").
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def note(text: str) -> None:
    """Print a remark for the person who waits on stderr."""
    _error_console.print(text, markup=False, soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on stdout; numbers are right-aligned."""
    table = Table()
    listed = [list(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = bool(listed) and all(isinstance(row[index], int | float) for row in listed)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console()
    console.print(Text(title, style="bold"), soft_wrap=True)  # a title of the table would be folded to its width
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def progress() -> Progress:
    """Return a progress bar on stderr; silent where stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_error_console,
        disable=not _error_console.is_terminal,
    )
