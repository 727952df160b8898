"""Costmaps of a drive along the virtual street, against the truth about it.

The looks go through the `Mapper` that the node runs, ten a second at 5 m/s, with the street's own
depth where `projection.source` asks for one. The module of `compare` defines the figures.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ImageError
from espnet_ros.core.labels import CAMVID, Labels
from espnet_ros.core.layers import LETHAL, LayerSpec
from espnet_ros.core.mapper import GridSnapshot, Look, Mapper
from espnet_ros.evaluation.costmap_scores import CostmapCells, Tally, compare, compare_known
from espnet_ros.evaluation.truth import Truth
from espnet_ros.sim import Camera, Frame, Street

# Masks and confidences, uint8 (H, W) each.
View = Sequence[tuple[UInt8Array, UInt8Array]]
Segment = Callable[[UInt8Array], tuple[UInt8Array, UInt8Array]]

SIZE_WH, RATE_HZ, SPEED_MPS = (480, 360), 10.0, 5.0
CAMERA = Camera()
# Looks between two comparisons of the costmap with the truth: each 5 m, and at the end.
EVERY = 10


@dataclass(frozen=True, eq=False)
class Recording:
    """A drive, rendered once for all evaluations of it.

    :param views: by the source of their masks.
    """

    seed: int
    truth: Truth
    views: Mapping[str, View]


@dataclass(frozen=True)
class Result:
    """How well the costmaps of one drive match the truth.

    :param total: counts in view of every `EVERY`-th image. :param end: ... of the last one.
    :param known: counts over all cells known at the end.
    :param ground: by ground class, cells in view of that class in costmap and truth, and in
        either; only the classes that the layers distinguish from others.
    :param warned_m: the distance driven until the monitor warned, None if it never did.
    :param silent: share of the looks from then on at which it did not warn.
    :param warning: its first sentence.
    """

    total: Tally
    end: Tally
    known: Tally
    ground: Mapping[str, tuple[int, int]]
    warned_m: float | None = None
    silent: float = 0.0
    warning: str = ''


def record(
    seed: int,
    length_m: float,
    segment: Segment | None = None,
    progress: Callable[[Iterable[Frame], int], Iterable[Frame]] = lambda frames, _: frames,
) -> Recording:
    """Render a drive.

    :param segment: gives a model's mask and confidence for an image, uint8 (H, W, 3) BGR.
    :param progress: wraps the frames and their number, e.g. in a progress bar.
    :raises ParameterError: if the street refuses seed or length.
    """
    street = Street(seed, length_m, SPEED_MPS)
    count = round(length_m / SPEED_MPS * RATE_HZ) + 1
    sure = np.full(SIZE_WH[::-1], 255, np.uint8)
    views: dict[str, list[tuple[UInt8Array, UInt8Array]]] = {'true': []}
    poses, depths = [], []
    for frame in progress(street.drive(count, RATE_HZ, SIZE_WH, CAMERA), count):
        poses.append(frame.T_odom_base)
        depths.append(frame.depth.astype(np.float16))
        views['true'].append((frame.mask, sure))
        if segment is not None:
            views.setdefault('model', []).append(segment(frame.image_bgr))
    truth = Truth(
        CameraModel(SIZE_WH, CAMERA.matrix(SIZE_WH)), CAMERA.pose(), np.array(poses), RATE_HZ,
        np.stack(depths), street.class_at,
    )  # fmt: skip
    return Recording(seed, truth, views)


def evaluate_drive(
    recording: Recording,
    view: str,
    config: NodeConfig,
    labels: Labels,
    pitch_error_deg: float = 0.0,
    progress: Callable[[Iterable[int], int], Iterable[int]] = lambda indices, _: indices,
) -> Result:
    """Map a drive and compare the costmaps with the truth.

    :param view: whose masks, a key of ``recording.views``.
    :param labels: of these masks; names and order are CamVid's, as far as those go.
    :param pitch_error_deg: how much too far down the mapper assumes the camera to look.
    :raises ParameterError: if the config and the labels do not make costmaps.
    """
    truth = recording.truth
    # The street is rendered upright, even for a robot whose camera is upside down.
    upright = dataclasses.replace(config.input, upside_down=False)
    config = dataclasses.replace(config, input=upright, upside_down={})
    mapper, camera = Mapper(config, labels), config.camera_names[0]
    assumed = truth.T_base_camera @ _looking_down(pitch_error_deg)
    has_depth = config.projection.source == 'depth'
    signatures = ground_signatures(mapper.layers.layers, labels)
    total, end, ground = Tally(), Tally(), dict.fromkeys(signatures, (0, 0))
    warnings: list[str] = []
    looks, last = recording.views[view], len(recording.views[view]) - 1
    for index in progress(range(len(looks)), len(looks)):
        mask, confidence = looks[index]
        _take_in(mapper, Look(
            camera, mask, confidence, truth.camera, assumed, truth.poses[index],
            truth.stamp_s(index), truth.depth_m[index].astype(np.float32) if has_depth else None,
        ))  # fmt: skip
        warnings.append(mapper.problems()[camera])
        if (last - index) % EVERY == 0:
            shown = mapper.render()
            end = compare(_cells(shown), truth, index, CAMVID)
            total += end
            ground = _add(ground, _compare_ground(shown, signatures, truth, index))
    known = compare_known(_cells(mapper.render()), truth, last, CAMVID)
    return _watched(Result(total, end, known, ground), warnings)


def _take_in(mapper: Mapper, look: Look) -> None:
    """Add a look to the map, but, as in the node, not one that shows nothing."""
    try:
        mapper.add(look)
    except ImageError as error:
        if error.reason != 'view':
            raise


def pooled(results: Sequence[Result]) -> Result:
    """Return the counts of all drives together; the warnings are each drive's own."""
    ground: dict[str, tuple[int, int]] = {}
    for result in results:
        ground = _add(ground, result.ground)
    total, end, known = (
        sum((getattr(r, name) for r in results), Tally()) for name in ('total', 'end', 'known')
    )
    return Result(total, end, known, ground)


def ground_signatures(
    layers: Sequence[LayerSpec], labels: Labels
) -> dict[str, dict[str, bool]]:
    """Return for each ground class that the layers distinguish from all others how they do so.

    :returns: class -> layer -> whether its cells have a cost.
    """
    telling = [layer for layer in layers if 0 < layer.cost < LETHAL]
    lethal = {name for layer in layers if layer.cost == LETHAL for name in layer.classes}
    signatures = {
        label.name: {layer.name: label.name in layer.classes for layer in telling}
        for label in labels
        if label.kind in ('ground', 'upright') and label.name not in lethal
    }
    grounds = [c.name for c in labels if c.kind == 'ground' and c.name in signatures]
    values = list(signatures.values())
    return {name: signatures[name] for name in grounds if values.count(signatures[name]) == 1}


def _compare_ground(
    shown: GridSnapshot, signatures: Mapping[str, Mapping[str, bool]], truth: Truth, index: int
) -> dict[str, tuple[int, int]]:
    """Count cells of each ground class in the domain of `compare`."""
    costmap = _cells(shown)
    in_view, visible = truth.sees(index, costmap.centers())
    values = costmap.cells.ravel()
    domain = in_view & (visible | (values >= 0))
    xy = costmap.centers()[domain]
    truly = truth.classes(xy, truth.last_shown(index, xy))
    free = ((values >= 0) & (values < LETHAL))[domain]
    has_cost = {n: (a.ravel() > 0)[domain] for n, a in shown.occupancy.layers.items()}
    counts = {}
    for name, signature in signatures.items():
        said = free.copy()
        for layer, expected in signature.items():
            said &= has_cost[layer] == expected
        true = truly == CAMVID.names.index(name)
        counts[name] = int(np.count_nonzero(said & true)), int(np.count_nonzero(said | true))
    return counts


def _looking_down(degrees: float) -> npt.NDArray[np.float64]:
    """Return the rotation of an optical frame that lowers its axis, (4, 4)."""
    turn, (s, c) = np.eye(4), (math.sin(math.radians(degrees)), math.cos(math.radians(degrees)))
    turn[1:3, 1:3] = (c, s), (-s, c)
    return turn


def _cells(shown: GridSnapshot) -> CostmapCells:
    spec = shown.spec
    return CostmapCells(spec.resolution_m, spec.origin_m, shown.occupancy.combined)


def _add(
    ones: Mapping[str, tuple[int, int]], others: Mapping[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    names = [*ones, *(name for name in others if name not in ones)]
    pairs = ((name, ones.get(name, (0, 0)), others.get(name, (0, 0))) for name in names)
    return {name: (a[0] + b[0], a[1] + b[1]) for name, a, b in pairs}


def _watched(result: Result, warnings: Sequence[str]) -> Result:
    first = next((i for i, text in enumerate(warnings) if text), None)
    if first is None:
        return result
    return dataclasses.replace(
        result,
        warned_m=first / RATE_HZ * SPEED_MPS,
        silent=sum(not text for text in warnings[first:]) / len(warnings[first:]),
        warning=warnings[first],
    )
