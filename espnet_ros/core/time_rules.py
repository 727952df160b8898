"""Rules for all code that compares stamps."""

from __future__ import annotations

# A stamp further back than this is not just late: a simulation or a bag was restarted.
RESTART_S = 1.0
