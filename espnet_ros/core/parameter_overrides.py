"""Parameters that outrank those of every other file that is given to the node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.known_parameters import unknown_names
from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import PARAMETERS, read_parameter_file

# rcl merges sections of the same spelling, from all files, at the place of the first of them, and
# of all that match, the last one wins. So a section outranks those of earlier files for certain
# only if none of them has its spelling. This one is like /**/segmentation, but nobody writes it.
_SECTION = f'/**/**/{NODE}'


def overrides_text(values: Mapping[str, object]) -> str:
    """Return a parameter file for the node in any namespace, to be given after all others.

    :param values: by dotted name: bool, int, float, str, or a list of one of them.
    """
    # JSON is YAML, and its quotes keep words like 123 or 1e3 strings.
    return json.dumps({_SECTION: {PARAMETERS: values}}, ensure_ascii=False, default=str)


def known_values(file: Path, name: str) -> dict[str, Any]:
    """Return what a parameter file gives to a node, by dotted name, without unknown names.

    If it can't be read, or is no plain file, the result is empty: the node says why.

    :param name: of the node, fully qualified.
    """
    # Of a pipe, only the node must read.
    if not file.is_file():
        return {}
    try:
        sections = read_parameter_file(file).sections_for(name)
    except (ParameterError, OSError):
        return {}
    values = {key: v.value for section in sections for key, v in section.values.items()}
    unknown, _ = unknown_names(values, ())
    return {key: value for key, value in values.items() if key not in unknown}
