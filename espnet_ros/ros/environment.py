"""The environment of the ROS processes we start: their own domain, on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.ros.transport import large_image_environment

_RANGE = 'ROS_AUTOMATIC_DISCOVERY_RANGE'


def discovery_range() -> str:
    """Return the discovery range of our ROS processes: the user's, else this machine only.

    :raises EspnetRosError: if they could not even find each other.
    """
    # Empty counts as unset; ROS itself would then use the whole network.
    found = os.environ.get(_RANGE) or 'LOCALHOST'
    if found == 'OFF':
        raise EspnetRosError(
            f'expected ROS processes to find each other, but {_RANGE} is OFF: unset it or set it '
            'to LOCALHOST; both keep them to this machine'
        )
    return found


@contextlib.contextmanager
def ros_environment() -> Iterator[dict[str, str]]:
    """Reserve a ROS domain of our own, kept to this machine, with room for large images.

    A ROS_DOMAIN_ID that the user set stays, so that their tools can watch.

    :raises EspnetRosError: if there is no domain left, or no discovery.
    """
    environment = {_RANGE: discovery_range(), **large_image_environment()}
    if 'ROS_DOMAIN_ID' in os.environ:
        yield {**environment, 'ROS_DOMAIN_ID': os.environ['ROS_DOMAIN_ID']}
        return
    for domain in range(101, 0, -1):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
            try:
                # An abstract socket vanishes with its process: no stale lock files.
                lock.bind(f'\0espnet_ros_domain_{domain}')
            except OSError:
                continue
            yield {**environment, 'ROS_DOMAIN_ID': str(domain)}
            return
    raise EspnetRosError('all ROS domains 1 to 101 are used by demos: end one of them')
