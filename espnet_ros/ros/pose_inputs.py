"""Check what poses are made from: stamps, mounts and odometry messages."""

from __future__ import annotations

from collections.abc import Mapping

from nav_msgs.msg import Odometry
from std_msgs.msg import Header

from espnet_ros.core.arrays import Floats
from espnet_ros.core.errors import PoseError
from espnet_ros.core.names import mount_parameter
from espnet_ros.core.transforms import from_quaternion
from espnet_ros.ros.stamps import seconds


def stamp_seconds(header: Header, what: str) -> float:
    """Return the stamp of a message.

    :param what: for the error, e.g. ``image``.
    :raises PoseError: if it is zero, which means that there is none.
    """
    stamp = header.stamp
    if not (stamp.sec or stamp.nanosec):
        raise PoseError(f'the {what} has no stamp: its driver must fill in header.stamp')
    return seconds(stamp)


def mount_of(mounts: Mapping[str, Floats], camera: str) -> Floats:
    """Return T_base_camera of a camera.

    :param camera: its name, '' for the one without.
    :raises PoseError: if its mount is not known.
    """
    if camera not in mounts:
        prefix = mount_parameter(camera)
        raise PoseError(
            f'{prefix}.xyz and {prefix}.rpy are not set: if poses do not come from tf, they '
            'must say where the camera is on the robot'
        )
    return mounts[camera]


def read_odometry(message: Odometry, grid_frame: str, base_frame: str) -> tuple[float, Floats]:
    """Return the stamp in seconds and T_grid_base, (4, 4).

    :raises PoseError: if it has other frames, no stamp, or an impossible pose.
    """
    wrong = []
    for field, frame, expected, parameter in (
        ('header.frame_id', message.header.frame_id, grid_frame, 'grid.frame'),
        # Some drivers leave it empty.
        ('child_frame_id', message.child_frame_id or base_frame, base_frame, 'pose.base_frame'),
    ):
        # A leading slash is ROS 1's.
        if frame.lstrip('/') != expected:
            wrong.append(f'{field} is {frame!r}, but {parameter} is {expected!r}')
    if wrong:
        raise PoseError(f'{"; ".join(wrong)}: make them match')
    p, q = message.pose.pose.position, message.pose.pose.orientation
    pose = from_quaternion((p.x, p.y, p.z), (q.x, q.y, q.z, q.w), 'the pose of the odometry')
    return stamp_seconds(message.header, 'odometry'), pose
