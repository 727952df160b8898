"""The class table that goes out; vision_msgs itself is not needed to check it."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

from std_msgs.msg import Header

from espnet_ros.core.labels import CAMVID, with_void
from espnet_ros.ros.label_info import label_info_module, make_label_info

MESSAGES = SimpleNamespace(LabelInfo=SimpleNamespace, VisionClass=SimpleNamespace)


def test_ids_and_names_without_void():
    header = Header(frame_id='f')
    message = make_label_info(with_void(CAMVID), header, MESSAGES)
    assert message.header is header
    assert [(c.class_id, c.class_name) for c in message.class_map][:4] == [
        (0, 'Sky'), (1, 'Building'), (2, 'Pole'), (3, 'Road'),
    ]  # fmt: skip
    assert len(message.class_map) == 11


def test_a_vision_msgs_that_is_absent_or_too_old_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, 'vision_msgs', None)
    assert label_info_module() is None
    old = ModuleType('vision_msgs.msg')
    package = ModuleType('vision_msgs')
    package.msg = old
    monkeypatch.setitem(sys.modules, 'vision_msgs', package)
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', old)
    assert label_info_module() is None
    old.LabelInfo = object
    assert label_info_module() is old
