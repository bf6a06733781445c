"""The explorer: the graph in a browser, ``python -m queries.explorer``."""
