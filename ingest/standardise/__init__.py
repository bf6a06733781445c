"""Bringing records to one form: molecules to InChIKey, genes to NCBI id, profiles without faults. Pure functions."""
