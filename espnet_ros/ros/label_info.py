"""The class table as a message, for who must know what a class_id means."""

from __future__ import annotations

from typing import Any

from std_msgs.msg import Header

from espnet_ros.core.labels import UNLABELED, Labels


def label_info_module() -> Any | None:
    """Return ``vision_msgs.msg`` with LabelInfo (from 4.1 on), or None if not installed."""
    try:
        import vision_msgs.msg
    except ImportError:
        return None
    return vision_msgs.msg if hasattr(vision_msgs.msg, 'LabelInfo') else None


def make_label_info(labels: Labels, header: Header, messages: Any) -> Any:
    """Return a LabelInfo with the classes that masks can hold.

    :param messages: the module ``vision_msgs.msg``.
    """
    published = sorted(set(labels.mask_lut.tolist()) - {UNLABELED})
    return messages.LabelInfo(
        header=header,
        class_map=[
            messages.VisionClass(class_id=class_id, class_name=labels[class_id].name)
            for class_id in published
        ],
    )
