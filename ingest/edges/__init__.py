"""Computational edges: one criterion a file."""
