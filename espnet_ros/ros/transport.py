"""Environment that lets Fast DDS deliver large images between processes."""

from __future__ import annotations

from espnet_ros.resources import share_directory


def large_image_environment() -> dict[str, str]:
    """Return the variables to set for every process that sends or receives images.

    Fast DDS's default shared memory segment is smaller than a VGA image, which then gets lost
    in fragments; the profile's segment holds several 1080p ones.

    :raises EspnetRosError: if the profile is not installed.
    """
    profile = str(share_directory() / 'config' / 'fastdds_large_images.xml')
    # The second name is the one up to Humble's Fast DDS 2.
    return {'FASTDDS_DEFAULT_PROFILES_FILE': profile, 'FASTRTPS_DEFAULT_PROFILES_FILE': profile}
