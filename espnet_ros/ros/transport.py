"""Environment that lets Fast DDS deliver large images between processes."""

from __future__ import annotations

import os

from espnet_ros.resources import share_directory

_FASTDDS_2 = ('humble', 'iron', 'jazzy')


def large_image_environment() -> dict[str, str]:
    """Return the variables to set for every process that sends or receives images.

    Fast DDS's default shared memory segment is smaller than a VGA image, whose fragments then
    get lost; the profile's segment holds several 1080p ones.

    :raises EspnetRosError: if the profile is not installed.
    """
    profile = str(share_directory() / 'config' / 'fastdds_large_images.xml')
    names = ['FASTDDS_DEFAULT_PROFILES_FILE']
    if os.environ.get('ROS_DISTRO') in _FASTDDS_2:
        # Fast DDS 3 would warn about this one.
        names.append('FASTRTPS_DEFAULT_PROFILES_FILE')
    return dict.fromkeys(names, profile)
