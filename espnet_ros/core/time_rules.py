"""What time and its stamps may do, for all who compare stamps."""

from __future__ import annotations

# A stamp further back than this is no straggler: a simulation or a bag was restarted.
RESTART_S = 1.0
