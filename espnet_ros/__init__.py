"""Semantic masks and Nav2-ready cost maps from an ordinary camera, with ESPNet on ROS 2."""

__version__ = '0.1.0'
