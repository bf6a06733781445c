"""docker-compose.yml: what it promises holds (no Docker is needed to see that)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from graphdb.neo4j_server.artifacts import NEO4J_VERSION
from graphdb.neo4j_server.configuration import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def server(compose):
    return compose["services"]["neo4j"]


def test_image_is_pinned_to_a_patch_of_the_community_edition(server):
    name, _, tag = server["image"].partition(":")
    version, _, edition = tag.partition("-")
    assert (name, edition) == ("neo4j", "community")
    assert [part.isdigit() for part in version.split(".")] == [True] * 3


def test_version_plugins_and_settings_are_those_that_the_contract_suite_runs_on(server):
    assert server["image"] == f"neo4j:{NEO4J_VERSION}-community"
    assert json.loads(server["environment"]["NEO4J_PLUGINS"]) == ["graph-data-science", "apoc"]
    for name, value in SETTINGS.items():
        # https://neo4j.com/docs/operations-manual/current/docker/configuration: "." is "_" and "_" is "__".
        assert server["environment"]["NEO4J_" + name.replace("_", "__").replace(".", "_")] == value


@pytest.mark.parametrize("command", [["docker-compose"], ["docker", "compose"]], ids=" ".join)
def test_compose_takes_the_file(command, tmp_path):
    """Both the old ``docker-compose`` and the plugin; neither needs a daemon for this."""
    environment = {**os.environ, "NEO4J_PASSWORD": "a password"}
    if (
        shutil.which(command[0]) is None
        or subprocess.run([*command, "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"{' '.join(command)} is not installed")
    done = subprocess.run(
        [*command, "--file", str(ROOT / "docker-compose.yml"), "config"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"]["neo4j"]["environment"]["NEO4J_AUTH"] == "neo4j/a password"
    del environment["NEO4J_PASSWORD"]
    (tmp_path / "env").write_text("")
    refused = subprocess.run(
        [*command, "--file", str(ROOT / "docker-compose.yml"), "--env-file", str(tmp_path / "env"), "config"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "put NEO4J_PASSWORD into .env" in refused.stderr


def test_password_is_required_and_has_no_default(server):
    assert server["environment"]["NEO4J_AUTH"].startswith("neo4j/${NEO4J_PASSWORD:?")
    assert dotenv_values(ROOT / ".env.example") == {"NEO4J_PASSWORD": ""}


def test_ports_are_open_on_loopback_alone(server):
    assert len(server["ports"]) == 2
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert {port.rpartition(":")[2] for port in server["ports"]} == {"7687", "7474"}


def test_data_lies_in_named_volumes(compose, server):
    mounted = dict(volume.split(":") for volume in server["volumes"])
    assert set(mounted) == set(compose["volumes"])
    assert "/data" in mounted.values()


def test_health_is_a_query(server):
    assert "RETURN 1" in server["healthcheck"]["test"][1]


@pytest.mark.parametrize("setting", ["memory_heap_initial__size", "memory_heap_max__size", "memory_pagecache_size"])
def test_memory_is_set_with_a_default(server, setting):
    assert ":-" in server["environment"][f"NEO4J_server_{setting}"]


def test_env_file_is_ignored_by_git():
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
