"""Measure the costmaps on the virtual street, where the truth is known, without ROS.

drive: 480x360 images of a camera 1.2 m high that looks 10 degrees down, ten a second at 5 m/s.
speed and memory: of one update, from the masks to the arrays of all layers, on one core.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from espnet_ros.cli.options import add_inference_options, number_within, path
from espnet_ros.cli.results import add_json, tell
from espnet_ros.core.metrics import percent
from espnet_ros.progress import bar

T = TypeVar('T')

_PARTS, _MASKS = ('drive', 'speed', 'memory'), ('true', 'model')
_PRESET = 'config/layers/delivery_robot_camvid.yaml'
_UPDATES, _MINUTES = 200, 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros evaluate_costmap`."""
    parser.add_argument(
        '--parts', nargs='+', choices=_PARTS, default=_PARTS,
        help=f'what to measure ({" ".join(_PARTS)})',
    )  # fmt: skip
    parser.add_argument(
        '--seeds', nargs='+', type=int, default=(0, 1, 2), metavar='SEED',
        help='seeds of the streets to drive along (0 1 2)',
    )  # fmt: skip
    parser.add_argument(
        '--length', type=float, default=100.0, metavar='METRES', help='length of each drive (100)'
    )
    parser.add_argument(
        '--masks', nargs='+', choices=_MASKS, default=('true',),
        help='masks to drive with: the true ones, those of --model (true)',
    )  # fmt: skip
    parser.add_argument(
        '--pitch-error', nargs='+', type=number_within(-89.0, 89.0, '{} degrees'),
        default=(0.0,), metavar='DEGREES',
        help='how much too far down the camera is assumed to look (0)',
    )  # fmt: skip
    parser.add_argument(
        '--parameters', type=path, metavar='FILE',
        help='parameter file with the layers, grid, projection and mask.min_confidence of the '
        f'node segmentation; it may hold parameters of other nodes, too ({_PRESET})',
    )  # fmt: skip
    add_inference_options(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure what was asked for, print and write the figures."""
    report: dict[str, Any] = {}
    parts = {'drive': lambda: _drive(args), 'speed': _speed, 'memory': _memory}
    try:
        for part, measure in parts.items():
            if part in args.parts:
                report[part] = measure()
    except KeyboardInterrupt:
        # The file stays as it was, as the figures are not complete.
        _print(report)
        raise
    except Exception:
        # A part that fails does not cost the figures of the parts before it.
        if report:
            tell(args.json, report, lambda: _print(report))
        raise
    tell(args.json, report, lambda: _print(report))
    return 0


def _print(report: dict[str, Any]) -> None:
    for part, figures in report.items():
        _PRINT[part](figures)


def _drive(args: argparse.Namespace) -> dict[str, Any]:
    from espnet_ros.core.config import NodeConfig
    from espnet_ros.core.labels import CAMVID
    from espnet_ros.core.node_parameters import read_parameters
    from espnet_ros.evaluation import costmap_drive, costmap_figures
    from espnet_ros.resources import share_directory

    file = args.parameters or share_directory() / _PRESET
    config = NodeConfig.from_parameters(read_parameters(file, _warn))
    if config.projection.source == 'depth' and config.projection.height_band[0] >= 0.0:
        _warn(
            'the lawns of the street are Tree and below projection.height_band, so with depth '
            'their edges count as obstacles that were not found: [-0.1, 2.0] marks them'
        )
    views = list(dict.fromkeys(args.masks))
    results: dict[tuple[str, float], list[Any]] = {
        (view, error): [] for view in views for error in args.pitch_error
    }
    least = config.mask.min_confidence
    with _segment(args, least, 'model' in views) as (segment, model):
        for seed in args.seeds:
            # One street at a time: a drive is 100 MB.
            recording = costmap_drive.record(
                seed, args.length, segment, functools.partial(_bar, f'street {seed}')
            )
            for (view, error), found in results.items():
                shown = functools.partial(_bar, f'{view} masks, {error:+g} degrees, street {seed}')
                found.append(
                    costmap_drive.evaluate_drive(recording, view, config, CAMVID, error, shown)
                )
    return {
        'seeds': list(args.seeds),
        'length_m': args.length,
        'parameters': str(file),
        'projection': config.projection.source,
        'overhang_m': dict(config.overhang_m),
        **model,
        'runs': [
            {'masks': view, 'pitch_error_deg': error,
             **costmap_figures.of_drives(args.seeds, found)}
            for (view, error), found in results.items()
        ],
    }  # fmt: skip


@contextlib.contextmanager
def _segment(
    args: argparse.Namespace, min_confidence: float, wanted: bool
) -> Iterator[tuple[Any, dict[str, str]]]:
    """Yield the function from image to mask, and its description; None and {} if not wanted.

    :param min_confidence: pixels of a lower probability are UNLABELED.
    """
    if not wanted:
        yield None, {}
        return
    from espnet_ros.backends.open_model import open_model
    from espnet_ros.bundle import Bundle
    from espnet_ros.core.errors import ParameterError
    from espnet_ros.core.labels import CAMVID

    bundle = Bundle.load(args.model)
    if bundle.labels.names[: len(CAMVID)] != CAMVID.names:
        raise ParameterError(
            f'the street has the classes {", ".join(CAMVID.names)}, but the model has '
            f'{", ".join(bundle.labels.names)}: evaluate a model with the classes of CamVid'
        )
    with open_model(
        bundle, args.backend, args.device, args.precision, min_confidence=min_confidence
    ) as model:

        def segment(image: Any) -> tuple[Any, Any]:
            segmentation = model.segmenter.segment(image)
            return segmentation.mask, segmentation.confidence

        yield segment, {k: model.facts[k] for k in ('model', 'backend', 'device', 'precision')}


def _speed() -> dict[str, Any]:
    from espnet_ros.evaluation import costmap_figures, fresh_process
    from espnet_ros.evaluation import costmap_speed as speed

    apart = fresh_process.in_fresh_process
    bars = [functools.partial(_bar, f'updates, {text}') for text in ('alone', 'all in turn')]
    (alone,) = apart(speed.measure_speed, _UPDATES, speed.LOADS[:1], bars[0])
    in_turn = apart(speed.measure_speed, _UPDATES, speed.LOADS, bars[1])
    return costmap_figures.of_speed(speed.LOADS, alone, in_turn)


def _memory() -> dict[str, Any]:
    from espnet_ros.evaluation import costmap_figures, fresh_process
    from espnet_ros.evaluation import costmap_speed as speed

    shown = functools.partial(_bar, f'{_MINUTES} minutes of driving')
    return costmap_figures.of_memory(
        fresh_process.in_fresh_process(speed.measure_memory, _MINUTES, shown)
    )


def _bar(text: str, items: Iterable[T], total: int) -> Iterable[T]:
    """Return the items with a progress bar; at module level, as other processes call it, too."""
    return bar(items, text, total)


def _print_drive(figures: dict[str, Any]) -> None:
    print(
        f'drives: {len(figures["seeds"])} of {figures["length_m"]:g} m; goals with true masks: '
        'ground IoU >= 95, found >= 95, false <= 0.5'
    )
    print('masks  pitch error | ground IoU  obstacles found  false obstacles | '
          'all known cells: IoU  false | warned after')  # fmt: skip
    for run in figures['runs']:
        known, warned = run['all_known_cells'], run['warned_after_m']
        after = ', '.join('never' if m is None else f'{m:g} m' for m in warned)
        print(
            f'{run["masks"]:<6} {run["pitch_error_deg"]:>+9g} ° | '
            f'{percent(run["ground_iou"]):>10}  {percent(run["obstacle_recall"]):>15}  '
            f'{percent(run["false_obstacle_rate"]):>15} | '
            f'{percent(known["ground_iou"]):>20} {percent(known["false_obstacle_rate"]):>6} | '
            f'{after}'
        )
        shares = (f'{n} {percent(v)}' for n, v in run['ground_iou_by_class'].items())
        print(f'{"":>18} | {", ".join(shares)}')


def _print_speed(figures: dict[str, Any]) -> None:
    alone = figures['update_ms']
    print(
        'one update, 200x200 cells, 11 classes, 5 layers: '
        f'p50 {alone["p50"]:.2f}, p95 {alone["p95"]:.2f} ms (goal: p50 <= 4), CPU '
        f'{figures["update_cpu_ms"]["p50"]:.2f} ms\n'
        'and in turn with others:    p50    p95  CPU p50   times the first'
    )
    for row in figures['in_turn']:
        name = f'{row["side"]}x{row["side"]}, {row["classes"]} classes, cameras: {row["cameras"]}'
        print(
            f'{name:<25}{row["update_ms"]["p50"]:>6.2f} {row["update_ms"]["p95"]:>6.2f} '
            f'{row["update_cpu_ms"]["p50"]:>8.2f} {row["ratio"]:>13.2f}'
        )


def _print_memory(figures: dict[str, Any]) -> None:
    print(
        f'resident set after the first minute {figures["resident_mb"][0]:.1f} MB, after '
        f'minute {len(figures["resident_mb"])} {figures["resident_mb"][-1]:.1f} MB: '
        f'{figures["growth_mb"]:+.1f} MB (goal: within 5)'
    )


_PRINT = {'drive': _print_drive, 'speed': _print_speed, 'memory': _print_memory}


def _warn(text: str) -> None:
    print(f'espnet_ros: warning: {text}', file=sys.stderr)
