"""From a mask to an observation of the cells of a grid, for a camera without depth.

Two rules, because a picture has no depth:

1. A pixel of a `ground` class shows the place where its ray meets z = 0 of the base frame.
2. A thing of an `upright` class stands where its lower edge meets the ground: along each ray on
   the ground that leaves the camera's foot, this contact is where the class turns from ground to
   upright. One cell is marked there. What is behind is hidden and stays unobserved until ground
   is seen again. If a thing reaches over the border of the image, its lower edge is not in view
   and nothing is marked: it is nearer than anything the image shows. Contacts that only rounding
   makes beside a thing's upright edge are ignored; see `espnet_ros.core.strays`.

Sky, void and UNLABELED say nothing; a thin seam of them may hide a contact.

A model may put flat things into an upright class: CamVid's `Tree` includes grass. Rule 2 makes
the rim of a lawn one cell of Tree and leaves the lawn itself unknown: the robot learns where the
ground it knows ends. But whatever stands on a lawn has no ground below it in the picture. Name
such classes in `ground_cover`, and a change from them to another upright class is a contact, too.
The price: what is seen over the top of a bush lower than the camera is marked too far away,
somewhere in the area that the bush hides.

A thing that touches less ground than it covers, such as a bicycle on its tyres, is marked too far
inside: `overhang_m` says how far a class reaches beyond the points where it touches the ground;
see `espnet_ros.core.overhang`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Floats, Indices, UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.discs import last_disc
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec, Observation
from espnet_ros.core.ground_inputs import check_mask, check_rules, ground_pose
from espnet_ros.core.ground_tables import Fan, GroundTables, Plan, build_tables
from espnet_ros.core.labels import Labels
from espnet_ros.core.overhang import Overhang
from espnet_ros.core.still import WhileStill
from espnet_ros.core.transforms import rigid

_NOTHING, _GROUND, _COVER, _UPRIGHT, _UNSEEN = 0, 1, 2, 3, 4


class GroundProjector:
    """Turns masks of one camera into observations of the ground.

    :param labels: the classes of the masks.
    :param gates: which part of the image is used.
    :param ground_cover: names of upright classes that may lie flat, see above.
    :param overhang_m: by name of an upright class, 0 to 2 metres, see above.
    :raises ParameterError: if a name is not of an upright class or an overhang is out of bounds;
        all offenders are listed.
    """

    def __init__(
        self,
        labels: Labels,
        gates: Gates | None = None,
        ground_cover: Sequence[str] = (),
        overhang_m: Mapping[str, float] | None = None,
    ) -> None:
        self.gates = Gates() if gates is None else gates
        overhang_m = {} if overhang_m is None else overhang_m
        check_rules(labels, ground_cover, overhang_m)
        reach_m = np.zeros(256)
        for name, reach in overhang_m.items():
            reach_m[labels.names.index(name)] = reach
        self._overhang = Overhang(reach_m)
        self._kinds = np.full(256, _NOTHING, np.uint8)
        for class_id, label in enumerate(labels):
            if label.kind == 'ground':
                self._kinds[class_id] = _GROUND
            elif label.kind == 'upright':
                self._kinds[class_id] = _COVER if label.name in ground_cover else _UPRIGHT
        self._tables: WhileStill[GroundTables] = WhileStill(self._build)

    def observe(
        self,
        mask: UInt8Array,
        confidence: UInt8Array | None,
        camera: CameraModel,
        T_base_camera: npt.ArrayLike,
        T_grid_base: npt.ArrayLike,
        spec: GridSpec,
    ) -> Observation:
        """Return the observation of a grid's cells by a mask.

        :param mask: class ids, uint8 (H, W).
        :param confidence: 0..255, uint8 (H, W); None means 255 everywhere.
        :param camera: the model for the mask, so of its size.
        :param T_base_camera: (4, 4), base <- optical frame; the ground is z = 0 of base.
        :param T_grid_base: (4, 4), the grid's frame <- base, at the image's stamp. A tilted base
            tilts its ground: the observed cells are those under the tilted plane.
        :param spec: the grid.
        :raises ImageError: if mask or confidence is not such an array.
        :raises CameraInfoError: if the camera's images have another size than the mask.
        :raises PoseError: if a transform is not rigid, or the camera sees no ground from there.
        """
        check_mask(mask, confidence, camera)
        pose = ground_pose(T_grid_base)
        tables = self.tables(camera, T_base_camera, spec.resolution_m)
        if confidence is None:
            confidence = np.full(mask.shape, 255, np.uint8)
        flat, sure = mask.ravel(), confidence.ravel()
        observation = Observation(
            spec, np.zeros(spec.shape, np.uint8), np.zeros(spec.shape, np.float32)
        )
        self._read_ground(flat, sure, mask.shape[1], tables.plan, pose, observation)
        self._read_contacts(flat, sure, tables.fan, pose, observation)
        return observation

    def tables(
        self, camera: CameraModel, T_base_camera: npt.ArrayLike, resolution_m: float
    ) -> GroundTables:
        """Return the tables of a camera in its place, rebuilt only if one of the two has changed.

        :raises PoseError: if the transform is not rigid or the camera sees no ground from there.
        """
        return self._tables.of(camera, rigid(T_base_camera, 'T_base_camera'), resolution_m)

    def in_view(
        self,
        mask: UInt8Array,
        camera: CameraModel,
        T_base_camera: npt.ArrayLike,
        resolution_m: float,
    ) -> UInt8Array:
        """Return the class ids of the pixels within the gates, uint8 (N,), some more than once.

        :param mask: class ids, uint8 (H, W).
        :raises PoseError: as `tables` does.
        """
        fan = self.tables(camera, T_base_camera, resolution_m).fan
        within = fan.seen & (fan.weights > 0)
        return mask.ravel().take(fan.pixels[within])

    def contacts(self, mask: UInt8Array, fan: Fan) -> tuple[Indices, ...]:
        """Return where upright things meet the ground: rays and places of the fan, intp (N,).

        :param mask: class ids, uint8 (H, W), of the fan's camera.
        """
        kinds = self._kinds.take(mask.ravel().take(fan.pixels))
        # A ray may leave the image and come back, and contacts out of view are unknown.
        np.copyto(kinds, _UNSEEN, where=~fan.seen)
        kinds = kinds.ravel()
        # Where runs of one kind begin; the first place of each ray counts as not seen.
        starts = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
        runs = kinds[starts]
        starts, runs = starts[runs != _NOTHING], runs[runs != _NOTHING]
        # The kinds are ordered, ground < cover < upright: each is a contact after a lower one.
        met = starts[1:][(runs[1:] > runs[:-1]) & (runs[1:] != _UNSEEN)]
        return np.divmod(fan.strays.without_strays(met, kinds), fan.seen.shape[1])

    def standing_contacts(self, mask: UInt8Array, fan: Fan) -> tuple[Indices, ...]:
        """Return `contacts` without the floating edges of things that stand nearer."""
        ray, place = self.contacts(mask, fan)
        met = self._overhang.standing(ray, place, mask.ravel()[fan.pixels[ray, place]], fan)
        return ray[met], place[met]

    def _build(self, camera: CameraModel, T: Floats, resolution_m: float) -> GroundTables:
        return build_tables(camera, T, self.gates, resolution_m)

    def _read_ground(
        self, flat: UInt8Array, sure: UInt8Array, width: int, plan: Plan, pose: Floats,
        into: Observation,
    ) -> None:
        """Apply rule 1: for each cell, read the pixel that shows its middle."""
        window = _window(plan, pose, into.spec)
        if window is None:
            return
        x, y = _plan_points(plan, pose, into.spec, window)
        looks = cv2.remap(
            plan.looks, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        u, v, weights = np.moveaxis(looks, -1, 0)
        with np.errstate(invalid='ignore'):  # NaN has no pixel
            seen = (u > plan.low_px[0]) & (u < plan.high_px[0]) & (v > plan.low_px[1])
            seen &= (v < plan.high_px[1]) & (weights > 0)
        my, mx = np.nonzero(seen)
        pixel = np.rint(v[seen]).astype(np.intp) * width + np.rint(u[seen]).astype(np.intp)
        class_ids = flat.take(pixel)
        shown = (self._kinds == _GROUND).take(class_ids) * sure.take(pixel)
        my, mx = my + window[0].start, mx + window[1].start
        into.class_ids[my, mx] = class_ids
        into.weights[my, mx] = weights[seen] * shown * np.float32(1 / 255)

    def _read_contacts(
        self, flat: UInt8Array, sure: UInt8Array, fan: Fan, pose: Floats, into: Observation
    ) -> None:
        """Apply rule 2: mark the cell behind each contact; it replaces ground seen in it."""
        ray, place = self.standing_contacts(flat, fan)
        pixel = fan.pixels[ray, place]
        weights = fan.weights[place] * sure[pixel] * np.float32(1 / 255)
        # The edge is half a step before the place, and the middle of its cell half a cell behind.
        step = fan.ranges_m[1] - fan.ranges_m[0]
        ranges = fan.ranges_m[place] - 0.5 * step + 0.5 * into.spec.resolution_m
        points = fan.foot + fan.directions[ray] * ranges[:, None]
        class_ids = flat[pixel]
        reach_m = self._overhang.reach_m(class_ids)
        # The surest contact of a cell stays; of equally sure ones, one with an overhang.
        order = np.lexsort((reach_m > 0, weights))
        order = order[weights[order] > 0]
        last = last_disc(points[order], reach_m[order], pose, into.spec)
        met = last >= 0
        surest = order[last[met]]
        into.class_ids[met], into.weights[met] = class_ids[surest], weights[surest]


def _window(plan: Plan, pose: Floats, spec: GridSpec) -> tuple[slice, slice] | None:
    """Return the rows and columns of the grid that the plan may reach, None if there are none."""
    size = np.array(plan.looks.shape[1::-1]) - 1
    corners = plan.low_m + np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * size * plan.step_m
    places = (corners @ pose[:, :2].T + pose[:, 2]) / spec.resolution_m - spec.origin_cells
    low = np.clip(np.floor(places.min(axis=0)), 0, spec.size_cells).astype(int)
    high = np.clip(np.ceil(places.max(axis=0)), 0, spec.size_cells).astype(int)
    if (low >= high).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _plan_points(
    plan: Plan, pose: Floats, spec: GridSpec, window: tuple[slice, slice]
) -> list[npt.NDArray[np.float32]]:
    """Return where the middles of the window's cells are on the plan: columns and rows."""
    inverse = np.linalg.inv(pose[:, :2]) / plan.step_m
    # In the plan's steps: start + column * across + row * up.
    across, up = inverse.T * spec.resolution_m
    first = np.array([window[1].start, window[0].start]) + spec.origin_cells + 0.5
    start = inverse @ (first * spec.resolution_m - pose[:, 2]) - plan.low_m / plan.step_m
    rows, cols = (np.arange(w.stop - w.start) for w in window)
    return [
        (start[axis] + cols * across[axis] + (rows * up[axis])[:, None]).astype(np.float32)
        for axis in (0, 1)
    ]
