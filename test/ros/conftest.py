"""What needs ROS is not collected where there is none."""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec('rclpy') else ['test_*.py']
