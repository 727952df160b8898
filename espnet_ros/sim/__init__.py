"""The virtual street: camera images with ground truth, drawn with NumPy and OpenCV alone."""

from espnet_ros.sim.camera import Camera
from espnet_ros.sim.street import Frame, Street

__all__ = ['Camera', 'Frame', 'Street']
