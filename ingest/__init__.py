"""From files to the context graph."""
