"""How the demo's processes talk to their parent: JSON lines out, lines in."""

from __future__ import annotations

import json
import select
import sys
from typing import Any


def emit(event: str, **values: Any) -> None:
    """Tell the parent, as one JSON line on stdout."""
    print(json.dumps({'event': event, **values}), flush=True)


def wait_parent(seconds: float) -> bool:
    """Wait, but no longer than until the parent writes a line or goes away."""
    return bool(select.select([sys.stdin], [], [], max(0.0, seconds))[0])
