"""One demo: render the drive, run camera, node and consumer, report, draw."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from espnet_ros.bundle import Bundle
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.demo.children import Child, Children, Event, ros_environment
from espnet_ros.demo.drive import Plan, prepare
from espnet_ros.demo.pictures import Answer, write_contact_sheet, write_video
from espnet_ros.demo.report import Record, build_report
from espnet_ros.demo.sources import Request, Source, open_source

T = TypeVar('T')

# Generous: a cold disk, a compile cache to fill, a machine at work on something else.
_START_S = 120.0
# What is still on its way when the camera is done has arrived by then, or is lost.
_LATE_S = 2.0
_ROS_PARTS = ('rclpy', 'sensor_msgs', 'nav_msgs', 'diagnostic_msgs')


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    :param model: shipped name or folder.
    :param node: node parameters: backend, device, precision.
    :param output: folder for the files.
    """

    source: str
    request: Request
    model: str
    node: dict[str, str]
    output: Path


def run_demo(options: Options) -> dict[str, Any]:
    """Run a demo and write its files.

    :returns: the report, also written to ``report.json``.
    :raises EspnetRosError: if anything asked for is missing or the node does not answer.
    """
    require_ros()
    NodeConfig.from_parameters(options.node)
    bundle = Bundle.load(options.model)
    source = open_source(options.source, options.request)
    options.output.mkdir(parents=True, exist_ok=True)
    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix='espnet_ros_demo_') as name:
        folder = Path(name)
        plan = prepare(
            source, options.request.rate_hz, folder, lambda s, n: _bar(s, n, 'preparing images')
        )
        record = _drive(options, bundle, plan, folder)
        report = build_report(record, _about(options, bundle, source))
        (options.output / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
        if record.received:
            _draw(options, bundle, plan, record, report)
    return report


def require_ros() -> None:
    """Check, without importing it, that ROS 2 is there.

    :raises EspnetRosError: with the way to get it.
    """
    missing = [name for name in _ROS_PARTS if importlib.util.find_spec(name) is None]
    if missing:
        raise EspnetRosError(
            f'ROS 2 is not installed for {sys.executable} (no {", ".join(missing)}): run '
            '`make demo`, which brings it, or source /opt/ros/<distribution>/setup.bash, or on '
            'x86-64 Linux run `pip install "espnet_ros[demo]"`'
        )


def _drive(options: Options, bundle: Bundle, plan: Plan, folder: Path) -> Record:
    plan_path, parameters = folder / 'plan.json', folder / 'parameters.yaml'
    plan.save(plan_path)
    values = {'model': str(bundle.path.resolve()), **options.node}
    # JSON is YAML, and quotes what YAML would take for a number.
    parameters.write_text(json.dumps({'/**': {'ros__parameters': values}}))
    with ros_environment() as environment, Children(folder, environment) as children:
        camera = children.start('camera', '-m', 'espnet_ros.ros.demo_camera', str(plan_path))
        children.start('consumer', '-m', 'espnet_ros.ros.demo_consumer', str(plan_path))
        record = Record()
        for _ in range(2):
            # Both say it once, in either order.
            children.wait('ready', _START_S, record.add)
        domain = environment['ROS_DOMAIN_ID']
        _tell(f'running on ROS_DOMAIN_ID={domain} (set it in another terminal to look on)')
        # The clock of "node start to mask" runs from here: interpreter, model and all.
        started = time.time_ns()
        node = children.start(
            'node',
            '-m',
            'espnet_ros.ros.segmentation_node',
            '--ros-args',
            '--params-file',
            str(parameters),
        )
        first = children.wait('mask', _START_S, lambda event: _take_start(record, event))
        record.start_to_first_mask_s = (first['received'] - started) / 1e9
        children.wait('flowing', _START_S, record.add)
        camera.say('start')
        _follow(children, node, plan, record)
    return record


def _take_start(record: Record, event: Event) -> None:
    record.add(event)
    # A node that can't load its model lives on and says so; waiting would not help.
    if event['event'] == 'diagnostics' and event['trouble']:
        raise EspnetRosError(f'the node does not start: {event["trouble"]}')


def _follow(children: Children, node: Child, plan: Plan, record: Record) -> None:
    """Take in events until the drive is answered and the node has reported on it."""
    with _progress(plan.count, 'masks received') as progress:

        def take(event: Event) -> None:
            record.add(event)
            if event['event'] == 'mask':
                progress.update(len(record.received) - progress.n)
                record.rss_mb = max(record.rss_mb, node.rss_mb())

        children.wait('done', plan.count / plan.rate_hz * 2 + _START_S, take)
        late = children.events(time.monotonic() + _LATE_S)
        while not record.is_complete and (event := next(late, None)):
            take(event)
        progress.update(len(record.received) - progress.n)
    if record.received:
        children.wait('diagnostics', _START_S, record.add)


def _draw(
    options: Options, bundle: Bundle, plan: Plan, record: Record, report: dict[str, Any]
) -> None:
    answers = _answers(plan, record)
    caption = (
        f'{bundle.name}   {report["backend"]} {report["precision"]} on {report["device"]}   '
        f'{plan.size_wh[0]}x{plan.size_wh[1]}'
    )
    latency = report['latency_ms']
    title = (
        f'{caption}   image to mask: {latency["p50"]:.0f} ms (p50), {latency["p95"]:.0f} ms (p95)'
    )
    write_contact_sheet(options.output / 'contact_sheet.png', answers, bundle.labels, title)
    write_video(
        options.output / 'overlay.mp4',
        answers,
        bundle.labels,
        caption,
        plan.rate_hz,
        lambda a, n: _bar(a, n, 'writing overlay.mp4'),
    )


def _answers(plan: Plan, record: Record) -> list[Answer]:
    images = plan.image_array(len(record.published))
    masks = plan.mask_array(1 + max(slot for _, slot in record.masks.values()))
    answers = []
    for image, stamp in zip(images, record.published, strict=True):
        received, slot = record.masks.get(stamp, (None, None))
        if received is None:
            answers.append(Answer(image, None, None))
        else:
            answers.append(Answer(image, masks[slot], (received - stamp) / 1e6))
    return answers


def _about(options: Options, bundle: Bundle, source: Source) -> dict[str, Any]:
    return {
        'model': bundle.name,
        'size_wh': list(source.size_wh),
        'source': source.name,
        'asked_rate_hz': options.request.rate_hz,
        'seed': options.request.seed,
    }


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(total: int, text: str) -> Any:
    from tqdm import tqdm

    # In a log file a bar is a line each time it is drawn.
    interval = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(total=total or None, desc=text, unit='', mininterval=interval)


def _bar(items: Iterable[T], total: int, text: str) -> Iterator[T]:
    with _progress(total, text) as progress:
        for item in items:
            yield item
            progress.update()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Clean up as after Ctrl-C when the terminal closes or the process is asked to end."""

    def leave(number: int, frame: object) -> None:
        sys.exit(128 + number)

    previous = {s: signal.signal(s, leave) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
