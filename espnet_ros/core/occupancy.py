"""From evidence to occupancy grids, one for each layer of the costmap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import UNKNOWN, LayerSpec, layer_problems, published_cost
from espnet_ros.core.semantic_grid import SemanticGrid

# The evidence from which a cell is known, in sure looks from near by.
_MIN_EVIDENCE = 0.1


@dataclass(frozen=True, eq=False)
class Occupancy:
    """Grids ready for OccupancyGrid: -1 unknown, 0..98, 100; row by row from the origin.

    :param layers: int8 (rows, columns) by name.
    :param combined: int8 (rows, columns), the highest of all layers.
    """

    layers: dict[str, npt.NDArray[np.int8]]
    combined: npt.NDArray[np.int8]


class LayerSet:
    """The layers of a costmap, checked against the classes of a model.

    :param layers: in the order they are published; a class may be in several.
    :param labels: of the model.
    :raises ParameterError: if a layer can't be made; all offenders are listed.
    """

    def __init__(self, layers: Sequence[LayerSpec], labels: Labels) -> None:
        problems = list(layer_problems(layers, labels))
        if problems:
            raise ParameterError('layers refused: ' + '; '.join(problems))
        self.layers = tuple(layers)
        self._class_count = len(labels)
        self._members = [
            [i for i, name in enumerate(labels.names) if name in layer.classes] for layer in layers
        ]

    def render(self, grid: SemanticGrid) -> Occupancy:
        """Return the layers of a grid as it is now.

        :raises ParameterError: if the grid has other classes than the model.
        """
        evidence = grid.evidence
        if evidence.shape[0] != self._class_count:
            raise ParameterError(
                f'the layers are for {self._class_count} classes, the grid has '
                f'{evidence.shape[0]}'
            )
        total = evidence.sum(axis=0)
        unknown = total < np.float32(_MIN_EVIDENCE / grid.gain)
        combined = np.zeros(grid.spec.shape, np.int8)
        layers = {}
        for layer, members in zip(self.layers, self._members, strict=True):
            # Added up one by one: a matrix product is faster by itself, but its threads spin, and
            # inference beside them took twice as long.
            share = evidence[members[0]].copy()
            for class_id in members[1:]:
                share += evidence[class_id]
            # A millionth less, for rounding where these classes have all evidence of a cell.
            hit = share >= total * np.float32(layer.min_probability * (1 - 1e-6))
            occupancy = hit.view(np.int8) * np.int8(published_cost(layer.cost))
            np.maximum(combined, occupancy, out=combined)
            occupancy[unknown] = UNKNOWN
            layers[layer.name] = occupancy
        combined[unknown] = UNKNOWN
        return Occupancy(layers, combined)
