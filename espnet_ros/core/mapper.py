"""From the looks of all cameras to the costmaps of one grid."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Floats, UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.camera_roll import roll_problem
from espnet_ros.core.clouds import CloudMaker
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.config_rules import check_map
from espnet_ros.core.depth_projection import DepthProjector, DepthRules, HeightBand
from espnet_ros.core.errors import PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec, Observation
from espnet_ros.core.ground_inputs import check_depth, check_mask, check_view
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LETHAL, LayerSpec
from espnet_ros.core.names import upside_down_parameter
from espnet_ros.core.occupancy import LayerSet, Occupancy
from espnet_ros.core.pose_break import break_since
from espnet_ros.core.projection_monitor import ProjectionMonitor
from espnet_ros.core.semantic_grid import Memory, SemanticGrid
from espnet_ros.core.time_rules import RESTART_S
from espnet_ros.core.transforms import rigid

# Half-lives by which a camera may lag behind the others: its looks then still weigh a quarter.
_MOST_LAG = 2.0


@dataclass(frozen=True, eq=False)
class Look:
    """A mask, and the pose from which it was seen.

    :param camera: its name.
    :param mask: class ids, uint8 (H, W).
    :param confidence: 0..255, uint8 (H, W).
    :param model: the camera model for the mask's size.
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
class GridSnapshot:
    """What the grid says at one time.

    :param spec: where its cells are.
    :param occupancy: of all layers, int8 (rows, columns) each.
    """

    spec: GridSpec
    occupancy: Occupancy


@dataclass(eq=False)
class _CameraState:
    """The state of one camera.

    :param ground: reads its looks without depth.
    :param depth: reads those with depth.
    :param clouds: makes points from both.
    :param monitor: watches the pose of looks without depth.
    :param last: stamp and (4, 4) pose of the newest usable look, None before the first.
    :param roll_problem: why the network does not see upright images, or ''.
    """

    ground: GroundProjector
    depth: DepthProjector
    clouds: CloudMaker
    monitor: ProjectionMonitor
    last: tuple[float, Floats] | None = None
    roll_problem: str = ''


class Mapper:
    """One grid for all cameras; it may be used from several threads.

    :param config: its groups grid and projection, its layers and its cameras are used.
    :param labels: of the model.
    :raises ParameterError: if grid, projection or layers can't be made from the config; all
        offenders are listed.
    """

    def __init__(self, config: NodeConfig, labels: Labels) -> None:
        grid, projection = config.grid, config.projection
        check_map(config, labels)
        self.layers = LayerSet(config.layers or default_layers(labels), labels)
        gates = Gates(
            projection.max_range, projection.min_range, projection.min_depression,
            projection.border,
        )  # fmt: skip
        band = HeightBand(low_m=projection.height_band[0], high_m=projection.height_band[1])
        rules = DepthRules(labels, gates, band)

        def camera() -> _CameraState:
            ground = GroundProjector(
                labels, gates, projection.ground_cover, config.overhang_m
            )
            clouds = CloudMaker(
                labels, rules, ground, self.layers.layers, grid.resolution, config.nav.stride
            )
            return _CameraState(ground, DepthProjector(rules), clouds, ProjectionMonitor(labels))

        self._labels = labels
        self._upside_down = {n: config.is_upside_down(n) for n in config.camera_names}
        self._cameras = {name: camera() for name in config.camera_names}
        spec = GridSpec.around((0.0, 0.0), grid.size, grid.resolution)
        memory = Memory(grid.half_life, grid.recentre_step)
        self._half_life_s = grid.half_life
        self._grid = SemanticGrid(len(labels), spec, memory)
        self._lock = threading.Lock()

    @property
    def cloud_makers(self) -> dict[str, CloudMaker]:
        """Return the cloud maker of each camera."""
        return {name: camera.clouds for name, camera in self._cameras.items()}

    def add(self, look: Look) -> str:
        """Add what one camera sees.

        :returns: why everything known before was forgotten, or '' if it was kept.
        :raises CameraInfoError: if the camera's images have another size than the mask.
        :raises ImageError: if mask, confidence or depth is not such an array, or the mask shows
            neither ground nor anything upright where it counts.
        :raises PoseError: if a pose can't be used, or the camera's clock is behind the others'.
        """
        pose = rigid(look.T_grid_base, 'T_grid_base')
        camera = self._cameras[look.camera]
        check_mask(look.mask, look.confidence, look.model)
        if look.depth_m is not None:
            check_depth(look.depth_m, look.mask)
        else:
            # Outside of the lock, as diagnostics wait for it: on a moving mount this takes long.
            camera.ground.tables(look.model, look.T_base_camera, self._grid.spec.resolution_m)
        with self._lock:
            camera.roll_problem = roll_problem(
                look.T_base_camera,
                self._upside_down[look.camera],
                upside_down_parameter(look.camera),
            )
            notice = break_since(camera.last, look.stamp_s, pose)
            if notice:
                # The grid must not move to a far place for a look that shows nothing.
                self._check_view(camera, look)
            else:
                self._check_clock(look)
            xy = float(pose[0, 3]), float(pose[1, 3])
            self._grid.recentre(xy)
            observation = self._observe(camera, look, pose)
            # Not earlier, because a look that is refused must not clear the grid.
            if notice:
                self._forget()
            if camera.last is None or look.stamp_s >= camera.last[0]:
                camera.last = look.stamp_s, pose
            if look.depth_m is None:
                camera.monitor.see(look.mask, look.model, look.T_base_camera)
                camera.monitor.compare(observation, xy)
            self._grid.add(observation, look.stamp_s)
        return notice

    def recentre(self, T_grid_base: Floats) -> None:
        """Make the grid follow the robot while nothing is seen.

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

    def render(self, fill: int | None = None) -> GridSnapshot:
        """Return what the grid says now.

        :param fill: an occupancy for all cells, instead of what is known about them.
        """
        with self._lock:
            spec = self._grid.spec
            if fill is None:
                return GridSnapshot(spec, self.layers.render(self._grid))
        full = np.full(spec.shape, fill, np.int8)
        names = [layer.name for layer in self.layers.layers]
        return GridSnapshot(spec, Occupancy(dict.fromkeys(names, full), full))

    def problems(self) -> dict[str, str]:
        """Return for each camera what is wrong with its assumed pose, or ''."""
        with self._lock:
            return {
                name: '; '.join(filter(None, (camera.roll_problem, camera.monitor.problem())))
                for name, camera in self._cameras.items()
            }

    def figures(self) -> dict[str, dict[str, str]]:
        """Return for each camera the figures behind `problems`, for diagnostics."""
        with self._lock:
            return {name: camera.monitor.values() for name, camera in self._cameras.items()}

    def _forget(self) -> None:
        self._grid.clear()
        for camera in self._cameras.values():
            camera.last = None
            camera.monitor.break_off()

    def _check_clock(self, look: Look) -> None:
        """Refuse a look so old that it, and the next ones of its camera, would hardly count."""
        newest_s = self._grid.stamp_s
        lag_s = 0.0 if newest_s is None else newest_s - look.stamp_s
        if lag_s > max(_MOST_LAG * self._half_life_s, RESTART_S):
            raise PoseError(
                f'the image is {lag_s:.1f} s older than the newest of the other cameras: '
                'synchronise their clocks'
            )

    def _observe(self, camera: _CameraState, look: Look, pose: Floats) -> Observation:
        """Return the observation by a look.

        :raises ImageError: if it shows nothing, among other reasons.
        """
        mask, model, mount, spec = look.mask, look.model, look.T_base_camera, self._grid.spec
        if look.depth_m is None:
            observation = camera.ground.observe(mask, look.confidence, model, mount, pose, spec)
        else:
            observation = camera.depth.observe(
                mask, look.confidence, look.depth_m, model, mount, pose, spec
            )
        # Checked only if there is no observation, which is rare.
        if not observation.weights.any():
            self._check_view(camera, look)
        return observation

    def _check_view(self, camera: _CameraState, look: Look) -> None:
        """Refuse a look that shows nothing.

        :raises ImageError: if that is so.
        """
        if look.depth_m is None:
            shown = camera.ground.in_view(
                look.mask, look.model, look.T_base_camera, self._grid.spec.resolution_m
            )
            check_view(shown, self._labels, 'where the ground would be')
        else:
            shown = camera.depth.in_view(look.mask, look.depth_m, look.model)
            check_view(shown, self._labels, 'where depth is known')


def default_layers(labels: Labels) -> Sequence[LayerSpec]:
    """Return the layer for a config without layers: everything upright is lethal."""
    uprights = tuple(label.name for label in labels if label.kind == 'upright')
    if uprights:
        return (LayerSpec('obstacles', uprights, LETHAL, min_probability=0.3),)
    return (LayerSpec('known', labels.names, 0),)
