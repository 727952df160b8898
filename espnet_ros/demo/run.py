"""One demo: render the drive, run camera, node and consumer, report, draw."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_ros.bundle import Bundle
from espnet_ros.core.child import Child
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.json_file import write_json
from espnet_ros.core.libraries import how_to_get, installed
from espnet_ros.demo import mask_model
from espnet_ros.demo.children import Children, Event
from espnet_ros.demo.drive import Plan, prepare
from espnet_ros.demo.node_parameters import NodeSetup, node_setup, true_masks_parameters
from espnet_ros.demo.report import Record
from espnet_ros.demo.request import STREET_SIZE_WH, Request
from espnet_ros.demo.results import FILES, Drive, draw, drive_report, true_drive
from espnet_ros.demo.sources import open_source
from espnet_ros.progress import bar, counter
from espnet_ros.ros.environment import discovery_range, ros_environment

# Generous: a cold disk, a compile cache to fill, a machine at work on something else.
_START_S = 120.0
# Messages on their way when the camera is done arrive within this time, or are lost.
_LATE_S = 2.0
_ROS_PARTS = ('rclpy', 'sensor_msgs', 'nav_msgs', 'diagnostic_msgs')


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    :param model: shipped name or folder; None is the default, or what true masks need.
    :param node: node parameters: backend, device, precision, threads.
    :param output: folder for the files.
    """

    source: str
    request: Request
    model: str | None
    node: dict[str, Any]
    output: Path


def run_demo(options: Options) -> dict[str, Any]:
    """Run a demo and write its files.

    :returns: the report, also written to ``report.json``.
    :raises EspnetRosError: if anything asked for is missing or the node does not answer.
    """
    require_ros()
    discovery_range()  # refused before images are prepared
    bundle, asked = _model(options)
    source = open_source(options.source, options.request)
    setup = node_setup(asked, bundle, source)
    with tempfile.TemporaryDirectory(prefix='espnet_ros_demo_') as name:
        # Said inside the block, so that a user who then stops the demo leaves no folder behind.
        _tell('preparing images')
        folder = Path(name)
        plan = prepare(
            source,
            options.request.rate_hz,
            folder,
            lambda s, n: bar(s, 'images', n),
            setup.grid_topics,
        )
        record = _drive(setup, plan, folder)
        drive = Drive(bundle, source, plan, setup, record, true_drive(plan, source))
        report = drive_report(drive, options.request)
        options.output.mkdir(parents=True, exist_ok=True)
        # This run may draw fewer files, and those of an earlier run do not belong to it.
        for name in FILES:
            (options.output / name).unlink(missing_ok=True)
        write_json(options.output / 'report.json', report)
        if record.received:
            draw(drive, report, options.output)
    return report


def _model(options: Options) -> tuple[Bundle, dict[str, Any]]:
    """Return the model and the parameters asked for."""
    request = options.request
    if not request.true_masks:
        NodeConfig.from_parameters(options.node)
        return Bundle.load(options.model or NodeConfig().model), dict(options.node)
    if options.model is not None:
        raise EspnetRosError('--true-masks runs no model: leave out --model or --true-masks')
    size_wh = request.size_wh or STREET_SIZE_WH
    return Bundle.load(mask_model.FOLDER), true_masks_parameters(options.node, size_wh)


def require_ros() -> None:
    """Check, without importing it, that ROS 2 is there.

    :raises EspnetRosError: with the way to get it.
    """
    missing = [name for name in _ROS_PARTS if not installed(name)]
    if missing:
        raise EspnetRosError(
            f'ROS 2 is not installed for {sys.executable} (no {", ".join(missing)}): '
            f'{how_to_get("rclpy")}'
        )


def _drive(setup: NodeSetup, plan: Plan, folder: Path) -> Record:
    plan_path = folder / 'plan.json'
    plan.save(plan_path)
    arguments = setup.arguments(folder)
    with ros_environment() as environment, Children(folder, environment) as children:
        camera = children.start('camera', 'espnet_ros.ros.demo_camera', str(plan_path))
        children.start('consumer', 'espnet_ros.ros.demo_consumer', str(plan_path))
        record = Record(wants_costmap=bool(plan.grid_topics))
        for _ in range(2):
            # Both processes say it once, in either order.
            children.wait('ready', _START_S, record.add)
        domain = environment['ROS_DOMAIN_ID']
        _tell(f'running on ROS_DOMAIN_ID={domain} (set it in another terminal to watch)')
        # The clock of "node start to mask" runs from here: interpreter, model and all.
        started = time.time_ns()
        node = children.start('node', 'espnet_ros.ros.segmentation_node', *arguments)
        first = children.wait('mask', _START_S, lambda event: _take_start(record, event))
        record.start_to_first_mask_s = (first['received'] - started) / 1e9
        children.wait('flowing', _START_S, record.add)
        camera.say('start')
        _follow(children, node, plan, record)
    return record


def _take_start(record: Record, event: Event) -> None:
    record.add(event)
    # A node that can't load its model keeps running and says so; waiting would not help.
    if event['event'] == 'diagnostics' and event['trouble']:
        raise EspnetRosError(f'the node does not start: {event["trouble"]}')


def _follow(children: Children, node: Child, plan: Plan, record: Record) -> None:
    """Take in events until the drive is answered and the node has reported on it."""
    _tell('segmenting the images')
    with counter(plan.count, 'masks received') as progress:

        def take(event: Event) -> None:
            record.add(event)
            if event['event'] == 'mask':
                progress.reach(len(record.received))
                record.rss_mb = max(record.rss_mb, node.rss_mb())

        children.wait('done', plan.count / plan.rate_hz * 2 + _START_S, take)
        late = children.events(time.monotonic() + _LATE_S)
        while not record.is_complete and (event := next(late, None)):
            take(event)
        progress.reach(len(record.received))
    if record.received:
        children.wait('diagnostics', _START_S, record.add)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
