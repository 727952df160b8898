"""Command line verbs, one module each: `espnet_ros VERB` or `python -m espnet_ros VERB`."""
