"""What a drive leaves behind: the report and the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from espnet_ros.bundle import Bundle
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.picture_file import write_picture
from espnet_ros.demo.costmap_pictures import costmap_pictures, costmap_sheet
from espnet_ros.demo.costmap_report import (
    ReceivedCostmap,
    compare_drive,
    costmap_faults,
    costmap_figures,
    costmap_title,
    of_images,
    spread,
)
from espnet_ros.demo.drive import Plan
from espnet_ros.demo.node_parameters import NodeSetup
from espnet_ros.demo.pictures import Answer, overlay_pictures, write_contact_sheet, write_video
from espnet_ros.demo.report import Record, build_report
from espnet_ros.demo.request import Request
from espnet_ros.demo.sources import Source
from espnet_ros.evaluation.costmap_scores import Tally
from espnet_ros.evaluation.truth import Truth
from espnet_ros.progress import bar

FILES = ('overlay.mp4', 'contact_sheet.png', 'costmap.mp4', 'costmap.png', 'report.json')
# How many moments of a drive are compared with the truth, and how many are drawn.
_MOMENTS, _ROWS = 10, 4


def true_drive(plan: Plan, source: Source) -> Truth | None:
    """Return the truth about a prepared drive, None where it is not known."""
    if source.mount is None or source.class_at is None or not plan.truth:
        return None
    return Truth(
        CameraModel(plan.size_wh, source.K),
        source.mount.pose(),
        np.array(plan.poses),
        plan.rate_hz,
        plan.truth_array()['depth_m'],
        source.class_at,
    )


@dataclass(frozen=True, eq=False)
class Drive:
    """A drive that is over: what was asked, published and received.

    :param truth: None where the source does not know it.
    """

    bundle: Bundle
    source: Source
    plan: Plan
    setup: NodeSetup
    record: Record
    truth: Truth | None

    @cached_property
    def costmaps(self) -> dict[int, ReceivedCostmap]:
        """Return the costmaps by index of the newest image in them."""
        record = self.record
        received = record.grids.costmaps(Path(self.plan.grids))
        return of_images(received, record.warm_up, record.published)

    def answers(self) -> list[Answer]:
        """Return every published image with what came back."""
        record, plan = self.record, self.plan
        pictures = plan.picture_array(len(record.published))
        masks = plan.mask_array(1 + max(slot for _, slot in record.masks.values()))
        answers = []
        for picture, stamp in zip(pictures, record.published, strict=True):
            received, slot = record.masks.get(stamp, (None, None))
            if received is None:
                answers.append(Answer(picture, None, None))
            else:
                answers.append(Answer(picture, masks[slot], (received - stamp) / 1e6))
        return answers


def drive_report(drive: Drive, request: Request) -> dict[str, Any]:
    """Return all figures as plain data."""
    topics, costmaps = drive.plan.grid_topics, drive.costmaps
    grids = drive.record.grids
    drive.record.faults += costmap_faults(grids, costmaps, topics)
    about = {
        'model': drive.bundle.name,
        'size_wh': list(drive.source.size_wh),
        'source': drive.source.name,
        'asked_rate_hz': request.rate_hz,
        'threads': drive.setup.parameters.get('threads', 0),
        'seed': request.seed,
        'true_masks': request.true_masks,
        'costmap': costmap_figures(grids, costmaps, topics, _compare(drive)),
    }
    return build_report(drive.record, about)


def draw(drive: Drive, report: dict[str, Any], output: Path) -> None:
    """Write the pictures of a drive with masks into a folder."""
    answers, labels, rate_hz = drive.answers(), drive.bundle.labels, drive.plan.rate_hz
    width, height = drive.plan.size_wh
    caption = (
        f'{drive.bundle.name}   {report["backend"]} {report["precision"]} on '
        f'{report["device"]}   {width}x{height}'
    )
    latency = report['latency_ms']
    title = (
        f'{caption}   image to mask: {latency["p50"]:.0f} ms (p50), {latency["p95"]:.0f} ms (p95)'
    )
    write_contact_sheet(output / 'contact_sheet.png', answers, labels, title)
    overlays = overlay_pictures(
        answers, labels, caption, lambda a, n: bar(a, 'writing overlay.mp4', n)
    )
    write_video(output / 'overlay.mp4', overlays, rate_hz)
    if drive.truth is None or not drive.costmaps:
        return
    costmaps, layers = drive.costmaps, drive.setup.layers
    picks = spread((i for i in costmaps if answers[i].mask is not None), _ROWS)
    title = f'{caption}   {costmap_title(report["costmap"])}'
    if picks:
        sheet = costmap_sheet(answers, costmaps, picks, drive.truth, layers, labels, title)
        write_picture(output / 'costmap.png', sheet)
    maps = costmap_pictures(
        answers, costmaps, drive.truth, layers, labels, caption,
        lambda a, n: bar(a, 'writing costmap.mp4', n),
    )  # fmt: skip
    write_video(output / 'costmap.mp4', maps, rate_hz)


def _compare(drive: Drive) -> tuple[Tally, Tally, Tally]:
    if drive.truth is None:
        return Tally(), Tally(), Tally()
    picks = spread(drive.costmaps, _MOMENTS)
    moments = bar(picks, 'comparing costmaps')
    return compare_drive(drive.costmaps, drive.truth, drive.bundle.labels, moments)
