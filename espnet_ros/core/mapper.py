"""From looks of all cameras to the cost maps of one grid."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.clouds import CloudMaker
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.depth_projection import DepthProjector, HeightBand
from espnet_ros.core.errors import ParameterError, PoseError
from espnet_ros.core.grid import GridSpec, Observation
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.ground_tables import Gates
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LETHAL, LayerSpec
from espnet_ros.core.occupancy import LayerSet, Occupancy
from espnet_ros.core.pose_history import RESTART_S
from espnet_ros.core.projection_monitor import ProjectionMonitor
from espnet_ros.core.semantic_grid import Memory, SemanticGrid
from espnet_ros.core.transforms import rigid

UInt8Array = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

# No robot for which this package is meant moves farther between two looks.
_JUMP_M, _JUMP_M_PER_S = 1.0, 30.0
# Nor does it turn farther: half a second allows for half a turn, so that only a robot which spins
# by more than 6 rad/s could be taken for one that jumped; those that spin on the spot reach 4.
_JUMP_RAD, _JUMP_RAD_PER_S = math.pi / 2, 3.0
# Half-lives by which a camera may be behind the others: its looks then still weigh a quarter.
_MOST_LAG = 2.0


@dataclass(frozen=True, eq=False)
class Look:
    """A mask, and from where it was seen.

    :param camera: its name.
    :param mask: class ids, uint8 (H, W).
    :param confidence: 0..255, uint8 (H, W).
    :param model: of the camera, for the mask's size.
    :param T_base_camera: (4, 4), base <- optical frame; the ground is z = 0 of base.
    :param T_grid_base: (4, 4), the grid's frame <- base, at the stamp.
    :param stamp_s: seconds.
    :param depth_m: float32 (H, W), registered to the mask; None for a plain camera.
    """

    camera: str
    mask: UInt8Array
    confidence: UInt8Array
    model: CameraModel
    T_base_camera: Floats
    T_grid_base: Floats
    stamp_s: float
    depth_m: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class CostMap:
    """What the grid says at one time.

    :param spec: where its cells are.
    :param occupancy: of all layers, int8 (rows, columns) each.
    """

    spec: GridSpec
    occupancy: Occupancy


class Mapper:
    """One grid for all cameras; may be used from several threads.

    :param config: its groups grid and projection, layers and cameras are used.
    :param labels: of the model.
    :raises ParameterError: if the config makes no grid, projection or layers; what is wrong is
        listed.
    """

    def __init__(self, config: NodeConfig, labels: Labels) -> None:
        grid, projection = config.grid, config.projection
        if grid.recentre_step > min(grid.size) / 2:
            raise ParameterError(
                f'grid.recentre_step must be at most half of the shorter side of the grid, '
                f'{min(grid.size):g} m, or the robot leaves it, got {grid.recentre_step:g} m'
            )
        self.layers = LayerSet(config.layers or default_layers(labels), labels)
        gates = Gates(
            projection.max_range, projection.min_range, projection.min_depression,
            projection.border,
        )  # fmt: skip
        band = HeightBand(low_m=projection.height_band[0], high_m=projection.height_band[1])
        cameras = config.camera_names
        self.projectors = {
            name: GroundProjector(labels, gates, projection.ground_cover, config.overhang_m)
            for name in cameras
        }
        self.cloud_makers = {
            name: CloudMaker(
                labels, projector, self.layers.layers, grid.resolution, config.nav.stride, band
            )
            for name, projector in self.projectors.items()
        }
        self.depth_projectors = {name: DepthProjector(labels, gates, band) for name in cameras}
        self._monitors = {name: ProjectionMonitor(labels) for name in cameras}
        spec = GridSpec.around((0.0, 0.0), grid.size, grid.resolution)
        memory = Memory(grid.half_life, grid.recentre_step)
        self._half_life_s = grid.half_life
        self._grid = SemanticGrid(len(labels), spec, memory)
        # By camera: stamp and pose of the newest look that could be used.
        self._last: dict[str, tuple[float, Floats]] = {}
        self._lock = threading.Lock()

    def add(self, look: Look) -> str:
        """Take in what one camera sees.

        :returns: why everything known before was forgotten, '' if it was not.
        :raises CameraInfoError: if the camera's images have another size than the mask.
        :raises ImageError: if mask, confidence and depth are no such arrays.
        :raises PoseError: if a pose can't be used, or the camera's clock is behind the others'.
        """
        pose = rigid(look.T_grid_base, 'T_grid_base')
        with self._lock:
            notice = self._break(look, pose)
            if not notice:
                self._check_clock(look)
            xy = float(pose[0, 3]), float(pose[1, 3])
            self._grid.recentre(xy)
            observation = self._observe(look, pose)
            # Not before, as a look that is refused tells nothing.
            if notice:
                self._forget()
            if look.stamp_s >= self._last.get(look.camera, (-math.inf, pose))[0]:
                self._last[look.camera] = look.stamp_s, pose
            if look.depth_m is None:
                monitor = self._monitors[look.camera]
                monitor.see(look.mask, look.model, look.T_base_camera)
                monitor.compare(observation, xy)
            self._grid.add(observation, look.stamp_s)
        return notice

    def recentre(self, T_grid_base: Floats) -> None:
        """Let the grid follow the robot while nothing is seen.

        :param T_grid_base: (4, 4), the grid's frame <- base.
        :raises PoseError: if the pose is not finite.
        """
        with self._lock:
            self._grid.recentre((float(T_grid_base[0, 3]), float(T_grid_base[1, 3])))

    def elapse(self, seconds: float) -> None:
        """Let time pass without a look."""
        with self._lock:
            self._grid.elapse(seconds)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._forget()

    def render(self, fill: int | None = None) -> CostMap:
        """Return what the grid says now.

        :param fill: occupancy that all cells are given instead of what is known of them.
        """
        with self._lock:
            spec = self._grid.spec
            if fill is None:
                return CostMap(spec, self.layers.render(self._grid))
        full = np.full(spec.shape, fill, np.int8)
        names = [layer.name for layer in self.layers.layers]
        return CostMap(spec, Occupancy(dict.fromkeys(names, full), full))

    def problems(self) -> dict[str, str]:
        """Return by camera what shows that its assumed pose is wrong, '' for nothing."""
        with self._lock:
            return {name: monitor.problem() for name, monitor in self._monitors.items()}

    def figures(self) -> dict[str, dict[str, str]]:
        """Return by camera what that is judged by, for diagnostics."""
        with self._lock:
            return {name: monitor.values() for name, monitor in self._monitors.items()}

    def _forget(self) -> None:
        self._grid.clear()
        self._last = {}
        for monitor in self._monitors.values():
            monitor.break_off()

    def _check_clock(self, look: Look) -> None:
        """Refuse a look that would hardly count, and its camera's next ones neither."""
        newest_s = self._grid.stamp_s
        lag_s = 0.0 if newest_s is None else newest_s - look.stamp_s
        if lag_s > max(_MOST_LAG * self._half_life_s, RESTART_S):
            raise PoseError(
                f'the image is {lag_s:.1f} s older than the newest of the other cameras: '
                'synchronise their clocks'
            )

    def _break(self, look: Look, pose: Floats) -> str:
        """Return why what is known is of another time or place, or ''."""
        if look.camera not in self._last:
            return ''
        stamp_s, (last_s, last_pose) = look.stamp_s, self._last[look.camera]
        # Of one camera: two whose clocks differ would clear the grid at every image.
        if stamp_s < last_s - RESTART_S:
            return f'time went back by {last_s - stamp_s:.1f} s'
        moved = float(np.linalg.norm(pose[:2, 3] - last_pose[:2, 3]))
        if moved > _JUMP_M + _JUMP_M_PER_S * abs(stamp_s - last_s):
            return f'the pose jumped by {moved:.1f} m in {stamp_s - last_s:.2f} s'
        turned = _yaw_between(last_pose, pose)
        if turned > _JUMP_RAD + _JUMP_RAD_PER_S * abs(stamp_s - last_s):
            degrees = math.degrees(turned)
            return f'the pose turned by {degrees:.0f} degrees in {stamp_s - last_s:.2f} s'
        return ''

    def _observe(self, look: Look, pose: Floats) -> Observation:
        if look.depth_m is not None:
            return self.depth_projectors[look.camera].observe(
                look.mask, look.confidence, look.depth_m, look.model, look.T_base_camera, pose,
                self._grid.spec,
            )  # fmt: skip
        return self.projectors[look.camera].observe(
            look.mask, look.confidence, look.model, look.T_base_camera, pose, self._grid.spec
        )


def _yaw_between(first: Floats, second: Floats) -> float:
    """Return by how much a pose, (4, 4), is turned about z against another, 0 to pi."""
    turn = first[:2, :2].T @ second[:2, :2]
    return abs(math.atan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1]))


def default_layers(labels: Labels) -> Sequence[LayerSpec]:
    """Return the layer of a user who names none: whatever stands is lethal."""
    uprights = tuple(label.name for label in labels if label.kind == 'upright')
    if uprights:
        return (LayerSpec('obstacles', uprights, LETHAL, min_probability=0.3),)
    return (LayerSpec('known', labels.names, 0),)
