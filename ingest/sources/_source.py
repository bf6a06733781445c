"""What a source is, and what is said on the command line about one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from graphdb.errors import InputError
from ingest.records import SourceRecords
from ingest.sources._hub import Hub


@dataclass(frozen=True)
class Source:
    """A data set that ingest can read.

    Attributes
    ----------
    name
        What people type: ``--source NAME=PATH``.
    title
        One line that says what it holds.
    origin
        Where the files come from.
    licence
        Under what terms.
    files
        The files that it expects in its folder, ``.gz`` or not; a name with ``*`` is a pattern for one file that the
        user names. Empty for a source that makes its records itself and needs no path.
    hub
        Where `ingest.sources fetch` gets the files; None where people get them themselves.
    read
        Reads the folder (or the file) and returns the records. It never writes and never resolves identifiers.
    """

    name: str
    title: str
    origin: str
    licence: str
    files: tuple[str, ...]
    read: Callable[[Path], SourceRecords]
    hub: Hub | None = None

    def records(self, path: Path | None = None) -> SourceRecords:
        """Read the source at `path`.

        Raises
        ------
        InputError
            If a path is needed and none is given, or if what lies there cannot be used, or is not what
            `ingest.records` says.
        """
        if path is None:
            if self.files:
                fetch = "" if self.hub is None else f", or fetch them: python -m ingest.sources fetch {self.name}"
                raise InputError(
                    f"the source {self.name} reads files ({', '.join(self.files)}): "
                    f"say where they are, --source {self.name}=PATH{fetch}"
                )
            path = Path()
        elif not path.exists():
            raise InputError(f"no such file or folder (given for the source {self.name})", path=path)
        # Its library takes a second to import, which listing the sources can do without.
        from ingest.sources._door import check

        return check(self.read(path))
