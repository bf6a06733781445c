"""What earlier ingests have computed, record by record, so that the next one computes only what is new.

A result is found again by the text of its record and by the *version* of what computed it: a hash over the source code
and the packages that it depends on. So a cache never has to be emptied by hand, and ``rm -r workspace/cache`` is safe
at any moment.

On disk: ``cache/<name>/<version>/part-*.arrow``; a part is written once, as a whole, and never changed. Work that was
killed half-way is found again up to its last part.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from graphdb.files import remove_stale, replacing_file

PART = 20_000
"""Records of a part: half a minute of standardisation on one core."""
MOST_PARTS = 32
"""With more, they are joined to one."""
KEY = "key"

Compute = Callable[[Sequence[str]], pa.Table]
"""n texts → a table of n rows."""


def code_version(modules: Sequence[ModuleType], packages: Sequence[str], *settings: str) -> str:
    """Return a hash of the source code of modules, of the versions of packages, and of settings; 16 digits."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(Path(str(module.__file__)).read_bytes())
    for package in packages:
        digest.update(f"{package} {package_version(package)}\n".encode())
    for setting in settings:
        digest.update(f"{setting}\n".encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class RecordCache:
    """Results by the text of a record.

    Attributes
    ----------
    folder
        Where the parts are (``…/<name>/<version>``); None: nothing is kept, and everything is computed.
    """

    folder: Path | None = None

    def __call__(self, texts: Sequence[str], compute: Compute) -> tuple[pa.Table, int]:
        """Return the results of records, and how many of them had to be computed.

        Parameters
        ----------
        texts
            n distinct texts.
        compute
            Makes the rows of those that are not known yet.

        Returns
        -------
        tuple
            A table of n rows in the order of `texts`, with the columns that `compute` makes; and the number computed.
        """
        if self.folder is None:
            return compute(texts), len(texts)
        wanted = pa.array(texts, pa.large_string())
        parts = self._parts()
        known = pa.concat_tables(parts) if parts else None
        if known is None:
            missing = list(texts)
        else:
            missing = wanted.filter(pc.invert(pc.is_in(wanted, value_set=known[KEY].combine_chunks()))).to_pylist()
        tables = [] if known is None else [known]
        for start in range(0, len(missing), PART):
            part = missing[start : start + PART]
            table = compute(part)
            if len(table) != len(part):
                raise ValueError(f"{len(part)} records gave {len(table)} results")
            table = table.append_column(KEY, pa.array(part, pa.large_string()))
            self._write(table)
            tables.append(table)
        if not tables:  # nothing asked for, nothing known
            return compute(texts), 0
        joined = pa.concat_tables(tables)
        if len(parts) + -(-len(missing) // PART) > MOST_PARTS:
            self._join(joined)
        places = pc.index_in(wanted, value_set=joined[KEY].combine_chunks())
        return joined.take(places).drop_columns([KEY]), len(missing)

    def clear(self) -> None:
        """Forget everything."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _parts(self) -> list[pa.Table]:
        assert self.folder is not None
        found = []
        for path in sorted(self.folder.glob("part-*.arrow")):
            try:
                with pa.memory_map(str(path)) as source:
                    found.append(pa.ipc.open_file(source).read_all())
            except (pa.ArrowInvalid, OSError):  # damaged from outside: computed again
                path.unlink(missing_ok=True)
        return found

    def _write(self, table: pa.Table) -> Path:
        assert self.folder is not None
        if not self.folder.exists() and self.folder.parent.exists():
            # Results of other versions are of no use any more.
            shutil.rmtree(self.folder.parent, ignore_errors=True)
        remove_stale(self.folder, ".part-*.tmp-*")
        path = self.folder / f"part-{uuid4().hex}.arrow"
        with replacing_file(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
            writer.write_table(table)
        return path

    def _join(self, table: pa.Table) -> None:
        assert self.folder is not None
        old = list(self.folder.glob("part-*.arrow"))
        self._write(table)
        for path in old:
            path.unlink(missing_ok=True)
