"""How fast a backend is on this machine, and how right: what `benchmark` and `verify` do.

Nothing here is imported by the node.
"""
