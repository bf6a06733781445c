"""Look at the neighbourhood of anything."""
