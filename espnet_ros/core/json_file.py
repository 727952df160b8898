"""Writes figures to a file for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet_ros.core.paths import write_file


def write_json(file: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON, completely or not at all.

    :param file: None if no file was asked for: nothing is written.
    """
    if file is not None:
        write_file(file, (json.dumps(figures, indent=2) + '\n').encode())
