"""Evaluation: cells (data set, system, seed), each computed once; scores and a report made from what is kept."""
