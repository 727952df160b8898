"""Quality of service of every topic."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

_RELIABILITY = {
    'best_effort': ReliabilityPolicy.BEST_EFFORT,
    'reliable': ReliabilityPolicy.RELIABLE,
}


def input_profile(reliability: str) -> QoSProfile:
    """Return the profile of image inputs: only the latest image counts.

    :param reliability: ``best_effort`` or ``reliable``.
    """
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=1, reliability=_RELIABILITY[reliability]
    )


def output_profile() -> QoSProfile:
    """Return the profile of the outputs for each image: RViz asks for reliable."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE
    )


def latched_profile() -> QoSProfile:
    """Return the profile of outputs that late subscribers must get, too."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
