"""The time and memory of one update of the costmaps, without ROS and the network.

An update is a look of each camera through `Mapper.add`, then all layers' int8 arrays by
`Mapper.render`. The looks are rendered once and used in turn, while the pose advances half a
metre each time, so that the grid moves as on a drive at 5 m/s with ten looks a second.
"""

from __future__ import annotations

import dataclasses
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.labels import CAMVID, LabelClass, Labels
from espnet_ros.core.layers import LayerSpec
from espnet_ros.core.mapper import Look, Mapper
from espnet_ros.evaluation.costmap_drive import CAMERA, RATE_HZ, SIZE_WH, SPEED_MPS
from espnet_ros.sim import Frame, Street

Progress = Callable[[Iterable[int], int], Iterable[int]]

# To the left and right, so that three cameras see three times as much as one.
_YAWS_RAD = (0.0, 1.2, -1.2)
_PLACES, _PLACES_M = 12, 60.0
_COSTS = (0, 30, 60, 98, 100)
# As in the presets of config/layers.
_OVERHANG_M = {'Bicyclist': 0.4, 'Pedestrian': 0.3}
_WARM_UP = 10


@dataclass(frozen=True)
class Load:
    """What an update has to do.

    :param side: cells a side of the grid, 0.1 m each. :param classes: of the model, 5 or more.
    :param cameras: 1 to 3.
    """

    side: int = 200
    classes: int = 11
    cameras: int = 1


LOADS = (
    Load(), Load(side=100), Load(side=400), Load(classes=5), Load(classes=20), Load(classes=40),
    Load(cameras=3),
)  # fmt: skip


@dataclass(frozen=True)
class Times:
    """Milliseconds of the updates of one load.

    :param wall_ms: of the clock on the wall. :param cpu_ms: of all threads of the process.
    """

    wall_ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]


class Rig:
    """A mapper with looks to feed it."""

    def __init__(self, load: Load, frames: Sequence[Sequence[Frame]]) -> None:
        labels, names = labels_of(load.classes), [f'camera{i}' for i in range(load.cameras)]
        config = dataclasses.replace(
            NodeConfig.from_parameters({'grid.size': [load.side * 0.1] * 2, 'cameras': names}),
            layers=_layers(labels),
            overhang_m={n: m for n, m in _OVERHANG_M.items() if n in labels.names},
        )
        self._mapper, self._count = Mapper(config, labels), 0
        model = CameraModel(SIZE_WH, CAMERA.matrix(SIZE_WH))
        self._looks = [
            [
                Look(
                    name, recode(frame.mask, load.classes),
                    np.full(frame.mask.shape, 230, np.uint8), model, frame.T_base_camera,
                    np.eye(4), 0.0,
                )
                for name, frame in zip(names, place, strict=False)
            ]
            for place in frames
        ]  # fmt: skip

    def update(self) -> None:
        """Add the next look of each camera and render all layers."""
        pose = np.eye(4)
        pose[0, 3] = self._count / RATE_HZ * SPEED_MPS
        for look in self._looks[self._count % len(self._looks)]:
            self._mapper.add(
                dataclasses.replace(look, T_grid_base=pose, stamp_s=self._count / RATE_HZ)
            )
        self._mapper.render()
        self._count += 1


def measure_speed(updates: int, loads: Sequence[Load], progress: Progress) -> list[Times]:
    """Return the times of each load; all are measured in turn, so that noise affects all alike.

    :param updates: how many of each load are counted.
    """
    cv2.setNumThreads(1)
    frames = _frames(max(load.cameras for load in loads))
    rigs = [Rig(load, frames) for load in loads]
    wall: list[list[float]] = [[] for _ in loads]
    cpu: list[list[float]] = [[] for _ in loads]
    for index in progress(range(updates + _WARM_UP), updates + _WARM_UP):
        for which, rig in enumerate(rigs):
            start, start_cpu = time.perf_counter(), time.process_time()
            rig.update()
            times = time.process_time() - start_cpu, time.perf_counter() - start
            if index >= _WARM_UP:
                cpu[which].append(times[0] * 1e3)
                wall[which].append(times[1] * 1e3)
    return [Times(tuple(w), tuple(c)) for w, c in zip(wall, cpu, strict=True)]


def measure_memory(minutes: int, progress: Progress) -> list[float]:
    """Return the resident set after each minute of a drive, MB; meant for a fresh process."""
    cv2.setNumThreads(1)
    rig, minute = Rig(Load(), _frames(1)), int(60 * RATE_HZ)
    resident = []
    for index in progress(range(1, minutes * minute + 1), minutes * minute):
        rig.update()
        if index % minute == 0:
            resident.append(_resident_mb())
    return resident


def labels_of(count: int) -> Labels:
    """Return this many classes, which repeat CamVid's kinds in CamVid's order."""
    return Labels([
        LabelClass(
            CAMVID[i % len(CAMVID)].name + (f'_{i // len(CAMVID)}' if i >= len(CAMVID) else ''),
            CAMVID[i % len(CAMVID)].color_rgb, CAMVID[i % len(CAMVID)].kind,
        )
        for i in range(count)
    ])  # fmt: skip


def recode(mask: UInt8Array, count: int) -> UInt8Array:
    """Return a CamVid mask in this many classes of the same kinds; stripes make additional ones.

    :param mask: class ids of CamVid, uint8 (H, W). :param count: of `labels_of`, 5 or more.
    """
    kinds = [label.kind for label in CAMVID]
    table = np.array([i if i < count else kinds.index(kinds[i]) for i in range(len(CAMVID))])
    stripes = -(-count // len(CAMVID))
    stripe = np.arange(mask.shape[1]) * stripes // mask.shape[1]
    ids = table[mask] + stripe * len(CAMVID)
    return np.where(ids < count, ids, table[mask]).astype(np.uint8)


def _layers(labels: Labels) -> tuple[LayerSpec, ...]:
    count = len(_COSTS)
    return tuple(
        LayerSpec(f'layer{i}', labels.names[i::count], cost) for i, cost in enumerate(_COSTS)
    )


def _frames(cameras: int) -> list[list[Frame]]:
    street = Street(0, _PLACES_M, SPEED_MPS)
    views = [dataclasses.replace(CAMERA, yaw_rad=yaw) for yaw in _YAWS_RAD[:cameras]]
    places = np.linspace(0.0, _PLACES_M, _PLACES)
    return [[street.render(float(at), SIZE_WH, view) for view in views] for at in places]


def _resident_mb() -> float:
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6
