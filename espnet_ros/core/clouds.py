"""From a mask to points for Nav2: an organised cloud beside the mask, or one list per layer.

Two sources feed them: a lattice of pixels, one in every few columns and rows, and the contacts
where things meet the ground (see `espnet_ros.core.ground_projection`). Contacts are far fewer and
all kept. Without depth, a lattice pixel of a ground class is where its ray meets z = 0 of the base
frame, and a thing has points only where it touches the ground. With depth, every lattice pixel is
a point. Points are in the camera's optical frame: Nav2 measures and clears from its origin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Bools, Floats, Indices, Points, UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.depth_projection import DepthRules
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.ground_inputs import check_depth, check_mask
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.labels import Labels
from espnet_ros.core.lattice import Lattice, make_lattice
from espnet_ros.core.layers import LETHAL, LayerSpec
from espnet_ros.core.still import WhileStill
from espnet_ros.core.transforms import rigid


@dataclass(frozen=True, eq=False)
class NavCloud:
    """The input of kiwicampus' SemanticSegmentationLayer: three arrays of one lattice.

    :param mask: class ids, uint8 (h, w); at a contact, the class that touches the ground there.
    :param confidence: uint8 (h, w).
    :param points: float32 (h, w, 3) metres in the optical frame, NaN where unknown.
    """

    mask: UInt8Array
    confidence: UInt8Array
    points: Points


@dataclass(frozen=True, eq=False)
class Contacts:
    """Where things meet the ground, the farthest first.

    :param class_ids: uint8 (N,).
    :param confidence: uint8 (N,).
    :param points: float32 (N, 3) metres in the optical frame.
    :param places: rows and columns of the nearest lattice pixels, intp (2, N).
    """

    class_ids: UInt8Array
    confidence: UInt8Array
    points: Points
    places: Indices


@dataclass(frozen=True, eq=False)
class Clouds:
    """The points of one look, available as one cloud or layer by layer.

    :param seen: the lattice, before contacts are written over it.
    :param contacts: empty with depth.
    :param members: which class ids make a layer, bool (256,) by layer name.
    :param free: which ground class ids are in no lethal layer, bool (256,).
    """

    seen: NavCloud
    contacts: Contacts
    members: Mapping[str, Bools]
    free: Bools

    def aligned(self) -> NavCloud:
        """Return mask, confidence and points, all of one shape.

        In all three arrays, a lattice pixel near contacts shows the nearest contact, so no thing
        is lost between two lattice pixels.
        """
        mask, confidence = self.seen.mask.copy(), self.seen.confidence.copy()
        points = self.seen.points.copy()
        row, col = self.contacts.places
        # With repeated indices the last one wins, which is the nearest.
        mask[row, col] = self.contacts.class_ids
        confidence[row, col] = self.contacts.confidence
        points[row, col] = self.contacts.points
        return NavCloud(mask, confidence, points)

    def of_layer(self, name: str) -> Points:
        """Return the points of a layer's classes, float32 (N, 3) metres in the optical frame.

        :raises KeyError: if there is no such layer.
        """
        member = self.members[name]
        met = self.contacts.points[member[self.contacts.class_ids]]
        return np.concatenate([met, self._points(member)])

    def clear(self) -> Points:
        """Return the ground that no lethal layer claims, float32 (N, 3), optical frame."""
        return self._points(self.free)

    def _points(self, member: Bools) -> Points:
        known = member[self.seen.mask] & np.isfinite(self.seen.points[..., 2])
        return self.seen.points[known]


_NO_CONTACTS = Contacts(
    np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros((0, 3), np.float32),
    np.zeros((2, 0), np.intp),
)  # fmt: skip


class CloudMaker:
    """Makes points from the masks of one camera.

    :param labels: the classes of the masks.
    :param rules: which pixels count with depth.
    :param projector: of the same camera; its gates and rules are used.
    :param layers: a class may be in several layers.
    :param resolution_m: of the grid that the projector observes, so that both share its tables.
    :param stride: the step between lattice pixels, across and down; the lattice is centred in the
        image and has ceil(H / stride) rows and ceil(W / stride) columns.
    :raises ParameterError: if the stride is below 1.
    """

    def __init__(
        self,
        labels: Labels,
        rules: DepthRules,
        projector: GroundProjector,
        layers: Sequence[LayerSpec],
        resolution_m: float,
        stride: int = 4,
    ) -> None:
        if stride < 1:
            raise ParameterError(f'stride must be 1 or more, got {stride}')
        self._projector, self._resolution_m, self._stride = projector, resolution_m, stride
        self._rules = rules
        self._ground = labels.of_kind('ground')
        self._free = self._ground.copy()
        self._members = {}
        for layer in layers:
            member = np.zeros(256, bool)
            member[[labels.names.index(name) for name in layer.classes]] = True
            self._members[layer.name] = member
            if layer.cost == LETHAL:
                self._free &= ~member
        self._lattice: WhileStill[Lattice] = WhileStill(self._make_lattice)

    def read(
        self,
        mask: UInt8Array,
        confidence: UInt8Array | None,
        camera: CameraModel,
        T_base_camera: npt.ArrayLike,
        depth_m: npt.NDArray[np.float32] | None = None,
    ) -> Clouds:
        """Return the points of one look.

        :param mask: class ids, uint8 (H, W).
        :param confidence: 0..255, uint8 (H, W); None means 255 everywhere.
        :param camera: the model for the mask, so of its size.
        :param T_base_camera: (4, 4), base <- optical frame; the ground is z = 0 of base.
        :param depth_m: along the optical axis, float32 (H, W) metres, registered; 0, NaN and inf
            are unknown. None for a plain camera.
        :raises ImageError: if mask, confidence or depth is not such an array.
        :raises CameraInfoError: if the camera's images have another size than the mask.
        :raises PoseError: if the transform is not rigid, or a plain camera sees no ground.
        """
        check_mask(mask, confidence, camera)
        T = rigid(T_base_camera, 'T_base_camera')
        if confidence is None:
            confidence = np.full(mask.shape, 255, np.uint8)
        lattice = self._lattice.of(camera, T)
        at = np.ix_(lattice.rows, lattice.cols)
        ids = mask[at]
        if depth_m is None:
            points = np.where(self._ground[ids][..., None], lattice.ground, np.float32(np.nan))
            contacts = self._contacts(mask, confidence, lattice)
        else:
            check_depth(depth_m, mask)
            points, contacts = self._measured(ids, depth_m[at], lattice), _NO_CONTACTS
        seen = NavCloud(ids, confidence[at], points)
        return Clouds(seen, contacts, self._members, self._free)

    def _make_lattice(self, camera: CameraModel, T: Floats) -> Lattice:
        return make_lattice(camera, T, self._projector.gates, self._stride)

    def _contacts(
        self, mask: UInt8Array, confidence: UInt8Array, lattice: Lattice
    ) -> Contacts:
        fan = self._projector.tables(lattice.camera, lattice.T, self._resolution_m).fan
        ray, place = self._projector.standing_contacts(mask, fan)
        gated = fan.weights[place] > 0
        ray, place = ray[gated], place[gated]
        order = np.argsort(-place, kind='stable')
        ray, place = ray[order], place[order]
        pixel = fan.pixels[ray, place].astype(np.intp)
        points = np.zeros((len(ray), 3))
        points[:, :2] = fan.foot + fan.directions[ray] * fan.ranges_m[place][:, None]
        optical = (points - lattice.T[:3, 3]) @ lattice.T[:3, :3]
        return Contacts(
            mask.ravel()[pixel], confidence.ravel()[pixel], optical.astype(np.float32),
            self._nearest(pixel, lattice),
        )  # fmt: skip

    def _nearest(self, pixel: Indices, lattice: Lattice) -> Indices:
        """Return row and column of the lattice pixel nearest to each pixel, intp (2, N)."""
        places = []
        for at, line in zip(
            np.divmod(pixel, lattice.camera.image_wh[0]), (lattice.rows, lattice.cols), strict=True
        ):
            nearest = (at - line[0] + self._stride // 2) // self._stride
            places.append(np.clip(nearest, 0, len(line) - 1))
        return np.array(places, np.intp)

    def _measured(
        self, ids: UInt8Array, depth_m: npt.NDArray[np.float32], lattice: Lattice
    ) -> Points:
        points, _, counts = self._rules.points(ids, depth_m, lattice.rays, lattice.T)
        return np.where((counts & lattice.used)[..., None], points, np.float32(np.nan))
