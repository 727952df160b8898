"""Figures of models and of cost maps against the truth; no ROS needed."""
