"""Compiled passes over memory for training on a CPU; `learn.encoder` takes them where it can (decision 15)."""
