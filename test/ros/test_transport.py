"""The environment for large images names a file that exists."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from espnet_ros.ros.transport import large_image_environment


def test_the_profile_is_xml_with_shared_memory(monkeypatch):
    monkeypatch.delenv('ROS_DISTRO', raising=False)
    environment = large_image_environment()
    assert list(environment) == ['FASTDDS_DEFAULT_PROFILES_FILE']
    root = ElementTree.parse(environment['FASTDDS_DEFAULT_PROFILES_FILE']).getroot()
    assert 'SHM' in [e.text for e in root.iter() if e.tag.endswith('}type')]


def test_older_releases_get_the_older_name_as_well(monkeypatch):
    monkeypatch.setenv('ROS_DISTRO', 'humble')
    assert set(large_image_environment()) == {
        'FASTDDS_DEFAULT_PROFILES_FILE',
        'FASTRTPS_DEFAULT_PROFILES_FILE',
    }
