"""docker-compose.yml: what it promises holds (no Docker is needed to see that)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

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


def test_graph_data_science_is_installed(server):
    assert json.loads(server["environment"]["NEO4J_PLUGINS"]) == ["graph-data-science"]


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
