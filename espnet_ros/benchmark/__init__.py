"""How fast and how correct a backend is on this machine: what `benchmark` and `verify` do.

Nothing here is imported by the node.
"""
