"""The configuration of the node: every parameter with its default, bounds and description, once.

The node's parameters, the YAML file and the documentation all derive from these dataclasses.
There are also families of parameters whose names the user makes up, see
`espnet_ros.core.parameter_families`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.inference import BACKENDS, PRECISIONS
from espnet_ros.core.layers import LayerSpec
from espnet_ros.core.parameter_checks import (
    band_problem,
    cameras_problem,
    device_problem,
    frame_problem,
    sides_problem,
    size_problem,
)
from espnet_ros.core.parameter_families import (
    Mount,
    find_family,
    layers_of,
    mounts_of,
    overhang_of,
    unknown_parameter,
    upside_down_of,
)
from espnet_ros.core.parameter_spec import ParameterSpec, build, parameter, specs_of

# Masks of each camera that go into the grid within stale_after, however low the rates.
_LEAST_WHILE_FRESH = 2


@dataclass(frozen=True)
class InputConfig:
    """Where the images come from, and the size at which they are inferred."""

    transport: str = parameter(
        'raw',
        'Message type of the image topic: raw is sensor_msgs/Image on "image", compressed is '
        'sensor_msgs/CompressedImage on "image/compressed".',
        'configure',
        choices=('raw', 'compressed'),
    )
    reliability: str = parameter(
        'best_effort',
        'QoS reliability of the image and depth subscriptions; best_effort matches every camera, '
        'reliable only a reliable one.',
        'configure',
        choices=('best_effort', 'reliable'),
    )
    size_wh: tuple[int, int] = parameter(
        (0, 0),
        'Width and height of the network input in pixels, multiples of 8; [0, 0] is the size '
        'the model was trained at.',
        'configure',
        check=size_problem,
    )
    rectified: bool = parameter(
        False,
        'The images are rectified (image_rect): project with P of camera_info and no distortion, '
        'instead of K and D.',
        'configure',
    )
    upside_down: bool = parameter(
        False,
        'The camera is mounted upside down: the network gets its images turned by 180 degrees. '
        'All outputs keep the orientation of the camera images.',
        'configure',
    )
    max_rate: float = parameter(
        0.0,
        'At most this many images of each camera are segmented per second of real time, but at '
        'least two within grid.stale_after; 0.0 means all. The others are left out before they '
        'are decoded, to save CPU time.',
        'live',
        minimum=0.0,
        maximum=100.0,
    )


@dataclass(frozen=True)
class MaskConfig:
    """What the published mask looks like."""

    size: str = parameter(
        'image',
        'Size of mask and confidence: image resizes them to the image by nearest neighbour, '
        'network keeps the size of the network input (less to send).',
        'configure',
        choices=('image', 'network'),
    )
    min_confidence: float = parameter(
        0.0,
        'Pixels with a probability below this get no label (255): they neither mark nor clear '
        'costmaps.',
        'configure',
        minimum=0.0,
        maximum=1.0,
    )


@dataclass(frozen=True)
class OverlayConfig:
    """How the colour outputs look."""

    opacity: float = parameter(
        0.5, 'Weight of the class colours over the image.', 'live', minimum=0.0, maximum=1.0
    )
    jpeg_quality: int = parameter(
        80, 'JPEG quality of the compressed colour outputs.', 'live', minimum=1, maximum=100
    )


@dataclass(frozen=True)
class GridConfig:
    """The grid that the costmaps are made from, and what they show when a camera is silent."""

    frame: str = parameter(
        'odom',
        'Frame the grid is fixed in; must be the global_frame of the Nav2 costmap.',
        'configure',
        check=frame_problem,
    )
    size: tuple[float, float] = parameter(
        (20.0, 20.0),
        'Sides of the grid along x and y, metres; it rolls with the robot.',
        'configure',
        check=sides_problem,
    )
    resolution: float = parameter(
        0.1, 'Side of a cell, metres.', 'configure', minimum=0.01, maximum=10.0
    )
    recentre_step: float = parameter(
        1.0,
        'The grid follows the robot in whole steps of this many metres, at most half of its '
        'shorter side.',
        'configure',
        minimum=0.1,
        maximum=100.0,
    )
    half_life: float = parameter(
        5.0,
        'Seconds in which the evidence of a cell halves if the cell is not seen again.',
        'configure',
        minimum=0.1,
        maximum=86400.0,
    )
    update_rate: float = parameter(
        10.0,
        'At most this many masks of each camera go into the grid, ~/nav and ~/points per second, '
        'but at least two within stale_after. The others are left out, to save CPU time.',
        'live',
        minimum=0.1,
        maximum=100.0,
    )
    publish_rate: float = parameter(
        5.0,
        'At most this many costmaps are published per second. On Lyrical, each one makes Nav2 '
        'stop control until its next cycle, so keep this below update_frequency.',
        'configure',
        minimum=0.1,
        maximum=30.0,
    )
    stale_after: float = parameter(
        1.0,
        'on_stale applies once any camera has put no fresh mask into the grid for this many '
        'seconds.',
        'live',
        minimum=0.1,
        maximum=3600.0,
    )
    on_stale: str = parameter(
        'lethal',
        'What costmaps then show: lethal makes every cell lethal, unknown makes every cell '
        'unknown, decay goes on forgetting, hold keeps the last ones. Only lethal stops a robot '
        'whose Nav2 has the default track_unknown_space: false.',
        'live',
        choices=('lethal', 'unknown', 'decay', 'hold'),
    )

    @property
    def least_hz(self) -> float:
        """Return how many masks of each camera per second keep the grid fresh."""
        return _LEAST_WHILE_FRESH / self.stale_after

    @property
    def masks_hz(self) -> float:
        """Return how many masks of each camera go into the grid per second, at most."""
        return max(self.update_rate, self.least_hz)


@dataclass(frozen=True)
class ProjectionConfig:
    """How masks are projected to the ground."""

    source: str = parameter(
        'ground',
        'ground needs only the camera and assumes flat ground; depth reads the registered depth '
        'image on depth/image.',
        'configure',
        choices=('ground', 'depth'),
    )
    max_range: float = parameter(
        8.0,
        'Ground farther from the camera than this is not observed, metres.',
        'configure',
        minimum=0.5,
        maximum=100.0,
    )
    min_range: float = parameter(
        0.0,
        'Ground nearer to the camera than this is not observed, metres, e.g. the robot itself.',
        'configure',
        minimum=0.0,
        maximum=99.0,
    )
    min_depression: float = parameter(
        2.0,
        'Rays nearer to the horizon than this many degrees are not used.',
        'configure',
        minimum=0.1,
        maximum=80.0,
    )
    border: int = parameter(
        2,
        'Pixels at the edge of the image that are not used.',
        'configure',
        minimum=0,
        maximum=500,
    )
    ground_cover: tuple[str, ...] = parameter(
        (),
        "Upright classes of the model that may lie flat, e.g. CamVid's Tree, which includes "
        'grass: what stands on them is marked, too.',
        'configure',
    )
    height_band: tuple[float, float] = parameter(
        (0.05, 2.0),
        'With depth: upright things between these two heights above the ground are obstacles, '
        'metres.',
        'configure',
        check=band_problem,
    )


@dataclass(frozen=True)
class PoseConfig:
    """Where the camera and the robot are."""

    source: str = parameter(
        'auto',
        'tf, odometry with camera_mount, or fixed (the robot stands at the origin of grid.frame); '
        'auto is tf if tf2_ros is installed, else odometry, or fixed while nobody publishes '
        'odometry.',
        'configure',
        choices=('auto', 'tf', 'odometry', 'fixed'),
    )
    base_frame: str = parameter(
        'base_link',
        'Frame of the robot; the ground is z = 0 in it.',
        'configure',
        check=frame_problem,
    )
    timeout: float = parameter(
        0.1,
        "Seconds to wait for the pose at an image's stamp; without a pose, the mask is left out.",
        'configure',
        minimum=0.0,
        maximum=10.0,
    )


@dataclass(frozen=True)
class NavConfig:
    """How densely ~/nav and ~/points are sampled."""

    stride: int = parameter(
        4,
        'Step between the pixels that are sent in ~/nav and ~/points, across and down.',
        'configure',
        minimum=1,
        maximum=64,
    )


@dataclass(frozen=True)
class DiagnosticsConfig:
    """When the node reports and when it warns."""

    period: float = parameter(
        1.0, 'Seconds between two reports.', 'configure', minimum=0.1, maximum=60.0
    )
    stale_after: float = parameter(
        2.0,
        'Seconds without an image after which diagnostics warn.',
        'live',
        minimum=0.1,
        maximum=3600.0,
    )


@dataclass(frozen=True)
class NodeConfig:
    """All parameters of the node ``segmentation``; nested groups become dotted names.

    :param layers: from the family ``layers``; empty means one layer of all upright classes.
    :param overhang_m: from the family ``projection.overhang``, by class.
    :param mounts: from the family ``camera_mount``, by camera.
    :param upside_down: from the family ``input.<camera>.upside_down``, by camera.
    """

    model: str = parameter(
        'espnet_camvid', 'Name of a shipped model or path of a model folder.', 'configure'
    )
    backend: str = parameter(
        'auto',
        'Inference library; auto takes the first of these that works: PyTorch with CUDA, '
        'TensorRT, OpenVINO, ONNX Runtime, PyTorch.',
        'configure',
        choices=('auto', *BACKENDS),
    )
    device: str = parameter(
        'auto', 'Where to infer: auto, cpu, cuda or cuda:N.', 'configure', check=device_problem
    )
    precision: str = parameter(
        'auto',
        'Arithmetic of the network; auto takes the fastest that hardly changes a mask (f16, bf16 '
        'or f32), never int8.',
        'configure',
        choices=('auto', *PRECISIONS),
    )
    threads: int = parameter(
        0,
        'Threads that compute the network on the processor; 0 means one for each processor. '
        'Fewer leave processors to the rest of the robot.',
        'configure',
        minimum=0,
        maximum=1024,
    )
    cameras: tuple[str, ...] = parameter(
        (),
        'Names of the cameras, each the prefix of its input topics and per-image outputs; '
        'empty means one camera without a prefix.',
        'configure',
        check=cameras_problem,
    )
    autostart: bool = parameter(
        True,
        'Configure and activate at start, without a lifecycle manager.',
        'start',
        read_only=True,
    )
    enabled: bool = parameter(
        True, 'Segment images; while false, images are counted and dropped.', 'live'
    )
    input: InputConfig = dataclasses.field(default_factory=InputConfig)
    mask: MaskConfig = dataclasses.field(default_factory=MaskConfig)
    overlay: OverlayConfig = dataclasses.field(default_factory=OverlayConfig)
    grid: GridConfig = dataclasses.field(default_factory=GridConfig)
    projection: ProjectionConfig = dataclasses.field(default_factory=ProjectionConfig)
    pose: PoseConfig = dataclasses.field(default_factory=PoseConfig)
    nav: NavConfig = dataclasses.field(default_factory=NavConfig)
    diagnostics: DiagnosticsConfig = dataclasses.field(default_factory=DiagnosticsConfig)
    layers: tuple[LayerSpec, ...] = ()
    overhang_m: Mapping[str, float] = dataclasses.field(default_factory=dict)
    mounts: Mapping[str, Mount] = dataclasses.field(default_factory=dict)
    upside_down: Mapping[str, bool] = dataclasses.field(default_factory=dict)

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Return the names of the cameras; one without a prefix is ''."""
        return self.cameras or ('',)

    @property
    def images_hz(self) -> float:
        """Return how many images of each camera are segmented per second, at most."""
        rate_hz = self.input.max_rate
        return max(rate_hz, self.grid.least_hz) if rate_hz else math.inf

    def is_upside_down(self, camera: str) -> bool:
        """Tell whether the images of a camera are turned for the network."""
        return self.upside_down.get(camera, self.input.upside_down)

    @classmethod
    def from_parameters(cls, values: Mapping[str, Any]) -> NodeConfig:
        """Build from flat dotted names; a parameter that is not named keeps its default.

        :raises ParameterError: if a name is unknown or a value is refused; all are listed.
        """
        specs = {name: find_spec(name) for name in values}
        problems = [unknown_name(name) for name, spec in specs.items() if spec is None]
        known = {name: (spec, values[name]) for name, spec in specs.items() if spec is not None}
        problems += [p for spec, value in known.values() if (p := spec.problem(value))]
        if problems:
            raise ParameterError('; '.join(problems))
        given = {name: spec.coerce(value) for name, (spec, value) in known.items()}
        config: NodeConfig = build(cls, given)
        return dataclasses.replace(
            config,
            layers=layers_of(given),
            overhang_m=overhang_of(given),
            mounts=mounts_of(given),
            upside_down=upside_down_of(given),
        )


@functools.cache
def parameter_specs() -> tuple[ParameterSpec, ...]:
    """Return every parameter of the node except the families, in the order of the config."""
    return tuple(specs_of(NodeConfig()))


def find_spec(name: str) -> ParameterSpec | None:
    """Return the parameter with this name, which may be of a family, or None."""
    spec = next((s for s in parameter_specs() if s.name == name), None)
    return spec or find_family(name)


def unknown_name(name: str) -> str:
    """Return the message for an unknown parameter; it suggests the nearest real name, if any."""
    return unknown_parameter(name, [spec.name for spec in parameter_specs()])
