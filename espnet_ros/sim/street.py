"""The street as a robot's camera sees it, with the truth about every pixel and every place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.transforms import rigid_inverse
from espnet_ros.sim.camera import Camera, planar_pose
from espnet_ros.sim.canvas import Canvas, View
from espnet_ros.sim.ground import Ground
from espnet_ros.sim.layout import Planner
from espnet_ros.sim.path import Path
from espnet_ros.sim.raycast import draw
from espnet_ros.sim.scenery import Finish, paint_ground, paint_sky_over
from espnet_ros.sim.sky import paint_sky
from espnet_ros.sim.style import make_style
from espnet_ros.sim.things import Placed
from espnet_ros.sim.traffic import make_traffic

_FAR_M = 140.0  # haze and houses hide what is beyond
_SMALL_PX = 5.0
_SHADE_M = 45.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture and the truth about it.

    :param image_bgr: uint8 (H, W, 3).
    :param mask: uint8 (H, W), class ids of `espnet_ros.core.labels.CAMVID`.
    :param depth: float32 (H, W), metres along the optical axis, inf in the sky.
    :param K: float64 (3, 3), pixel centres at whole numbers.
    :param T_base_camera: float64 (4, 4), base <- camera optical frame.
    :param T_odom_base: float64 (4, 4), odom <- base.
    :param stamp_s: seconds since the start of the drive.
    """

    image_bgr: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    K: npt.NDArray[np.float64]
    T_base_camera: npt.NDArray[np.float64]
    T_odom_base: npt.NDArray[np.float64]
    stamp_s: float


class Street:
    """A street, the same for the same seed; odom starts where the drive starts.

    :param seed: 0 or more; decides everything.
    :param length_m: of the drive.
    :param speed_mps: of the drive; traffic keeps clear of a robot that goes at this speed.
    :raises ParameterError: if a value is out of bounds; all offenders are listed.
    """

    def __init__(self, seed: int = 0, length_m: float = 300.0, speed_mps: float = 5.0) -> None:
        problems = []
        if seed < 0:
            problems.append(f'seed must be 0 or more, got {seed}')
        # The ground picture is as long as OpenCV's remap can address.
        if not 10.0 <= length_m <= 1000.0:
            problems.append(f'length_m must be 10..1000 m, got {length_m}')
        if not speed_mps > 0.0:
            problems.append(f'speed_mps must be above 0, got {speed_mps}')
        if problems:
            raise ParameterError('street refused: ' + '; '.join(problems))
        self.seed, self.length_m, self.speed_mps = seed, float(length_m), float(speed_mps)
        # A random stream each, so that a change to one part of the street leaves the others alone.
        streams = [np.random.default_rng([seed, i]) for i in range(7)]
        self._path = Path(streams[0], self.length_m)
        self._style = make_style(streams[1])
        layout = Planner(streams[2], self._path, self._style).plan()
        self._ground = Ground(streams[3], self._path, self._style, layout)
        self._movers = make_traffic(
            streams[4], self._path, self._style, layout.crossings, self.speed_mps
        )
        self._sky = paint_sky(streams[5], self._style)
        self._finish = Finish(streams[6], self._style)
        self._still = layout.placed
        self._still_at = np.array([(p.x, p.y, p.thing.reach_m) for p in self._still])

    def render(
        self,
        distance_m: float,
        size_wh: tuple[int, int] = (480, 360),
        camera: Camera | None = None,
        stamp_s: float | None = None,
    ) -> Frame:
        """Return what the camera sees from a place on the drive.

        :param distance_m: along the drive, 0..length_m.
        :param size_wh: of the image, pixels.
        :param camera: the default looks 10 degrees down from 1.2 m.
        :param stamp_s: seconds; by default when a drive at `speed_mps` gets there.
        :raises ParameterError: if the distance is not on the drive or the size is empty.
        """
        if not 0.0 <= distance_m <= self.length_m:
            raise ParameterError(
                f'distance_m must be 0..{self.length_m} m (the drive), got {distance_m}'
            )
        if min(size_wh) < 1:
            raise ParameterError(f'size_wh must be two positive numbers, got {size_wh}')
        camera = Camera() if camera is None else camera
        stamp = distance_m / self.speed_mps if stamp_s is None else float(stamp_s)
        T_odom_base = planar_pose(*self._path.pose(distance_m))
        T_base_camera, k = camera.pose(), camera.matrix(size_wh)
        canvas = Canvas(k, size_wh, rigid_inverse(T_odom_base @ T_base_camera), self._style.light)
        moving = [m.at(self._path, stamp) for m in self._movers]
        seen = self._seen(canvas, moving)
        for view in seen:
            draw(canvas, view)
        shaded = [v.placed for v in seen if v.nearest < _SHADE_M and v.placed in moving]
        paint_ground(canvas, self._ground, self._path, shaded)
        paint_sky_over(canvas, self._sky)
        for view in reversed(seen):
            if view.placed.thing.veiled:
                draw(canvas, view, translucent=True)
        with np.errstate(divide='ignore'):
            depth = np.float32(1) / canvas.w
        image = self._finish.develop(canvas.image, depth, stamp)
        return Frame(image, canvas.mask, depth, k, T_base_camera, T_odom_base, stamp)

    def drive(
        self,
        n: int,
        rate_hz: float,
        size_wh: tuple[int, int] = (480, 360),
        camera: Camera | None = None,
    ) -> Iterator[Frame]:
        """Yield n frames of a drive at `speed_mps`; at the end of the street it stands still.

        :param rate_hz: frames per second of street time.
        """
        for i in range(n):
            stamp = i / rate_hz
            distance = min(stamp * self.speed_mps, self.length_m)
            yield self.render(distance, size_wh, camera, stamp)

    def class_at(
        self, xy_odom: npt.NDArray[np.floating], stamp_s: float = 0.0
    ) -> npt.NDArray[np.uint8]:
        """Return what is on the ground at these places: a thing's class, else the surface's.

        :param xy_odom: (N, 2) metres.
        :param stamp_s: seconds, for what moves.
        :returns: CamVid ids, uint8 (N,).
        """
        xy = np.asarray(xy_odom, np.float64).reshape(-1, 2)
        classes = self._ground.class_at(*self._path.to_road(xy[:, 0].copy(), xy[:, 1].copy()))
        # Sorted by x, each thing looks only at the points beside it.
        order = np.argsort(xy[:, 0], kind='stable')
        sorted_x = xy[order, 0]
        for placed in [*self._still, *(m.at(self._path, stamp_s) for m in self._movers)]:
            x = placed.footprint[:, 0]
            low, high = np.searchsorted(sorted_x, (x.min(), x.max()))
            near = order[low:high]
            if near.size:
                classes[near[placed.covers(xy[near])]] = placed.thing.class_id
        return classes

    def _seen(self, canvas: Canvas, moving: list[Placed]) -> list[View]:
        """Return the things in view, the nearest first."""
        at = np.concatenate(
            [self._still_at, [(p.x, p.y, p.thing.reach_m) for p in moving]], axis=0
        )
        things = [*self._still, *moving]
        rotation, shift = canvas.T_camera_odom[:3, :3], canvas.T_camera_odom[:3, 3]
        places = at[:, :2] @ rotation[:, :2].T + shift
        reach = at[:, 2]
        distance = np.linalg.norm(places, axis=1)
        slope = max(abs(float(canvas.ray_x[0])), abs(float(canvas.ray_x[-1])))
        inside = np.abs(places[:, 0]) <= places[:, 2] * slope + reach * math.hypot(1, slope)
        big = reach * canvas.focal > _SMALL_PX * distance
        near = (places[:, 2] > -reach) & (distance < _FAR_M + reach)
        order = np.argsort(distance - 0.5 * reach, kind='stable')
        return canvas.views([things[i] for i in order if inside[i] and big[i] and near[i]])
