"""Which parameters the node has: its own, and those that ROS declares in every node."""

from __future__ import annotations

import re
from collections.abc import Iterable

from espnet_ros.core.config import find_spec, unknown_name
from espnet_ros.core.parameter_file import NodeSection
from espnet_ros.core.parameter_spec import ParameterSpec

# The parameters that ROS declares in every node; qos_overrides depend on the topics.
ROS_SPECS = (
    ParameterSpec('use_sim_time', False, 'Take the time from /clock.', 'live'),
    ParameterSpec('start_type_description_service', True, 'Describe types of messages.', 'start'),
)
OF_ROS = re.compile('|'.join([*(spec.name for spec in ROS_SPECS), r'qos_overrides\..+']))


def unknown_names(
    names: Iterable[str], sections: Iterable[NodeSection]
) -> tuple[list[str], list[str]]:
    """Return the names that are not parameters of the node: those it refuses, those it reports.

    A section for nodes of any name may hold parameters of other nodes, so unknown names in such a
    section are only reported.

    :param names: of the parameters that are given to the node.
    :param sections: all sections that may have given them.
    """
    unknown = [n for n in names if find_spec(n) is None and not OF_ROS.fullmatch(n)]
    shared = {name for section in sections if section.is_for_many for name in section.values}
    return [n for n in unknown if n not in shared], [n for n in unknown if n in shared]


def passed_over(name: str) -> str:
    """Return the message about an unknown name that is ignored."""
    return f'{unknown_name(name)} (in a section for many nodes)'
