"""Figures of models and of costmaps against the truth; no ROS needed."""
