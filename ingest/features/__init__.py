"""What is computed from a structure: fingerprints and molecule graphs, as arrays."""
