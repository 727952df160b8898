"""Semantic masks and Nav2-ready costmaps from an ordinary camera, with ESPNet on ROS 2."""

__version__ = '0.1.0'
