"""Renew ``artifacts.lock``: Maven resolves what Neo4j, GDS and APOC need.

``python -m graphdb.neo4j_server.lock`` is for developers, after a version in `artifacts` was changed; it needs ``mvn``.
The contract suite must pass afterwards.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from graphdb.console import run, say
from graphdb.errors import InputError
from graphdb.files import replacing_file, sha256
from graphdb.neo4j_server.artifacts import APOC_VERSION, GDS_VERSION, NEO4J_VERSION, Part

LOCK = Path(__file__).with_name("artifacts.lock")

# group, artifact, version, classifier ("" for none). Both server artifacts: the second alone has no storage engine.
SERVER = (("org.neo4j", "neo4j", NEO4J_VERSION, ""), ("org.neo4j.app", "neo4j-server", NEO4J_VERSION, ""))
# The plain APOC jars after the one of classifier "core" (which holds all it needs) stop the server.
PLUGINS = (
    ("org.neo4j.gds", "proc", GDS_VERSION, ""),
    ("org.neo4j.gds", "opengds-extension", GDS_VERSION, ""),
    ("org.neo4j.procedure", "apoc-core", APOC_VERSION, "core"),
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; there is nothing to say."""
    return argparse.ArgumentParser(prog="python -m graphdb.neo4j_server.lock", description=__doc__)


def main(_: argparse.Namespace) -> None:
    """Resolve, and write the lock file."""
    if shutil.which("mvn") is None:
        raise InputError("Maven is needed: mvn is not on the path")
    lines = [*_resolve("lib", SERVER), *_resolve("plugins", PLUGINS)]
    with replacing_file(LOCK) as temporary:
        temporary.write_text(
            f"# Neo4j Community {NEO4J_VERSION} (GPLv3) with OpenGDS {GDS_VERSION} (GPLv3) and APOC core "
            f"{APOC_VERSION} (Apache 2.0), from Maven Central.\n"
            "# Where it goes, SHA-256, path in the repository. Renew with: python -m graphdb.neo4j_server.lock\n"
            + "".join(sorted(lines, key=lambda line: (line.split()[0], line.split()[2])))
        )
    say(f"{len(lines)} jars: {LOCK}")


def _resolve(part: Part, roots: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """Return the lines of the lock file for these artifacts and all that they need at run time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pom.xml").write_text(_project(roots))
        options = ["-DincludeScope=runtime", "-Dmdep.useRepositoryLayout=true", f"-DoutputDirectory={folder / 'jars'}"]
        done = subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(f"mvn: {' '.join((done.stdout + done.stderr).split())[-500:]}")
        jars = folder / "jars"
        return [f"{part} {sha256(path)} {path.relative_to(jars).as_posix()}\n" for path in jars.rglob("*.jar")]


def _project(roots: Sequence[tuple[str, str, str, str]]) -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        + (f"<classifier>{classifier}</classifier>" if classifier else "")
        + "</dependency>"
        for group, name, version, classifier in roots
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>infoalign</groupId><artifactId>neo4j</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


if __name__ == "__main__":
    run(main, build_parser())
