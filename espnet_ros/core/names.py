"""What users may call their cameras and layers, as patterns of `re`: the names become topics."""

from __future__ import annotations

# ROS allows no part of a topic to begin with a digit or to be empty.
CAMERA = r'[A-Za-z][A-Za-z0-9_]*(?:/[A-Za-z][A-Za-z0-9_]*)*'
LAYER = r'[a-z][a-z0-9_]*'
# What the cost maps are called on /diagnostics, beside the cameras.
COSTMAP_STATUS = 'costmap'
