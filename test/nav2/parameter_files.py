"""Good Nav2 parameter files, and traps: edits of them in which something must be found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_ros.core.labels import CAMVID
from espnet_ros.nav2.check import check_file
from espnet_ros.nav2.views import Finding

# Nothing is found in these. A trap is one edit; HERE marks the line where it must be found.
STATIC = """\
controller_server:
  ros__parameters:
    costmap_update_timeout: 0.3
local_costmap:
  local_costmap:  # COSTMAP
    ros__parameters:
      update_frequency: 10.0
      global_frame: odom
      rolling_window: true
      trinary_costmap: false
      track_unknown_space: false
      use_maximum: true
      plugins: [lidar, grid, inflation]
      lidar:
        plugin: nav2_costmap_2d::ObstacleLayer
      grid:  # LAYER
        plugin: nav2_costmap_2d::StaticLayer
        map_topic: /segmentation/costmap
        map_subscribe_transient_local: true
      inflation:
        plugin: nav2_costmap_2d::InflationLayer
"""
OBSTACLE = """\
/robot1/local_costmap/local_costmap:  # COSTMAP
  ros__parameters:
    rolling_window: true
    plugins: [people_and_cars, inflation]
    people_and_cars:  # LAYER
      plugin: nav2_costmap_2d::VoxelLayer
      min_obstacle_height: -0.3
      max_obstacle_height: 2.0
      observation_sources: danger clear
      danger:  # SOURCE
        topic: /robot1/segmentation/points/danger
        data_type: PointCloud2
        min_obstacle_height: -0.3
        max_obstacle_height: 2.0
        obstacle_max_range: 5.0
        expected_update_rate: 1.0
      clear:  # CLEAR
        topic: /robot1/segmentation/points/clear
        data_type: PointCloud2
        marking: false
        clearing: true
        min_obstacle_height: -0.3
        max_obstacle_height: 0.3
        raytrace_max_range: 6.0
    inflation:
      plugin: nav2_costmap_2d::InflationLayer
"""
SEMANTIC = """\
local_costmap:
  local_costmap:
    ros__parameters:
      rolling_window: true
      plugins: [lidar, semantic]
      lidar:
        plugin: nav2_costmap_2d::ObstacleLayer
      semantic:
        plugin: semantic_segmentation_layer::SemanticSegmentationLayer
        observation_sources: front
        front:  # SOURCE
          segmentation_topic: /segmentation/nav/mask
          confidence_topic: /segmentation/nav/confidence
          labels_topic: /segmentation/label_info
          pointcloud_topic: /segmentation/nav/points
          class_types: [free, danger]
          free:
            classes: [Road, Pavement]
            max_cost: 0
          danger:  # TYPE
            classes: [Pedestrian, Bicyclist, Car, Building, Pole, Tree, SignSymbol, Fence]
            base_cost: 200
            max_cost: 254
            mark_confidence: 128
"""
MANAGED = """\
lifecycle_manager_segmentation:
  ros__parameters:
    bond_timeout: 0.0
    node_names: [segmentation]
/**/segmentation:
  ros__parameters:
    autostart: false
    grid:
      frame: odom
    layers:
      people:  # LAYER
        classes: [Pedestrian]
        cost: 100
        min_probability: 0.3
collision_monitor:
  ros__parameters:
    observation_sources: [people, watch]
    people:  # SOURCE
      type: pointcloud
      topic: /segmentation/points/people
      min_height: -0.3
    watch:  # WATCH
      type: pointcloud
      topic: /segmentation/points/clear
"""
# Every number that a check reads is given, and both sources of the voxel layer clear.
EVERY = """\
/**/segmentation:
  ros__parameters:
    autostart: false
    input.max_rate: 0.0
    grid:
      frame: odom
      resolution: 0.1
      publish_rate: 5.0
      update_rate: 10.0
      stale_after: 1.0
lifecycle_manager_segmentation:
  ros__parameters:
    bond_timeout: 0.0
    node_names: [segmentation]
collision_monitor:
  ros__parameters:
    observation_sources: [watch, solid]
    watch:
      type: pointcloud
      topic: /segmentation/points/clear
      min_height: 0.05
    solid:
      type: pointcloud
      topic: /segmentation/points/solid
      min_height: -0.3
controller_server:
  ros__parameters:
    costmap_update_timeout: 0.3
local_costmap:
  local_costmap:
    ros__parameters:
      update_frequency: 10.0
      global_frame: odom
      robot_base_frame: base_link
      rolling_window: true
      width: 7
      height: 5
      resolution: 0.1
      trinary_costmap: false
      track_unknown_space: false
      use_maximum: true
      lethal_cost_threshold: 100
      unknown_cost_value: 255
      inscribed_obstacle_cost_value: 99
      plugins: [grid, voxels, semantic, noise, inflation]
      grid:
        plugin: nav2_costmap_2d::StaticLayer
        map_topic: /segmentation/costmap
        map_subscribe_transient_local: true
        subscribe_to_updates: false
      voxels:
        plugin: nav2_costmap_2d::VoxelLayer
        enabled: true
        combination_method: 1
        min_obstacle_height: -0.3
        max_obstacle_height: 2.0
        origin_z: 0.0
        z_voxels: 10
        z_resolution: 0.2
        mark_threshold: 0
        observation_sources: solid clear
        solid:
          topic: /segmentation/points/solid
          data_type: PointCloud2
          marking: true
          clearing: true
          min_obstacle_height: -0.3
          max_obstacle_height: 2.0
          obstacle_min_range: 0.0
          obstacle_max_range: 5.0
          raytrace_min_range: 0.0
          raytrace_max_range: 6.0
          expected_update_rate: 1.0
        clear:
          topic: /segmentation/points/clear
          data_type: PointCloud2
          marking: false
          clearing: true
          min_obstacle_height: -0.3
          max_obstacle_height: 0.3
          raytrace_min_range: 0.0
          raytrace_max_range: 6.0
          expected_update_rate: 1.0
      semantic:
        plugin: semantic_segmentation_layer::SemanticSegmentationLayer
        combination_method: 1
        observation_sources: front
        front:
          segmentation_topic: /segmentation/nav/mask
          confidence_topic: /segmentation/nav/confidence
          labels_topic: /segmentation/label_info
          pointcloud_topic: /segmentation/nav/points
          min_obstacle_distance: 0.3
          max_obstacle_distance: 5.0
          tile_map_decay_time: 2.0
          expected_update_rate: 0.0
          observation_persistence: 0.0
          class_types: [danger]
          danger:
            classes: [Road, Pavement, Pedestrian, Bicyclist, Car, Building, Pole, Tree,
              SignSymbol, Fence]
            base_cost: 200
            max_cost: 254
            mark_confidence: 128
            samples_to_max_cost: 3
      noise:
        plugin: nav2_costmap_2d::DenoiseLayer
        minimal_group_size: 1
      inflation:
        plugin: nav2_costmap_2d::InflationLayer
"""
GOOD = {
    'static': STATIC,
    'obstacle': OBSTACLE,
    'semantic': SEMANTIC,
    'managed': MANAGED,
    'every': EVERY,
}


@dataclass(frozen=True)
class Trap:
    """One edit of a good file.

    :param says: words that the finding must have.
    :param at: words of the line where it must be found.
    :param also: checks that find something else in the same edit.
    :param cure: words that the cure must have.
    """

    base: str
    old: str
    new: str
    check: str
    says: str
    severity: str = 'error'
    at: str = '# HERE'
    also: tuple[str, ...] = ()
    cure: str = ''

    def edit(self) -> str:
        """Return the file with the trap."""
        assert GOOD[self.base].count(self.old) == 1
        return GOOD[self.base].replace(self.old, self.new)


def own(text: str) -> str:
    """Return parameters of the node, to put in front of Nav2's."""
    return f'segmentation:\n  ros__parameters: {text}\n'


def check(tmp_path: Path, text: str) -> tuple[Finding, ...]:
    """Return what is found in a file of this text."""
    path = tmp_path / 'nav2_params.yaml'
    path.write_text(text, encoding='utf-8')
    return check_file(path, CAMVID, 'espnet_camvid').findings


def assert_found(trap: Trap, folder: Path) -> None:
    """Assert that the trap, and nothing else, is found where it is, with a cure."""
    bad = trap.edit()
    found = check(folder, bad)
    assert {f.check for f in found} == {trap.check, *trap.also}
    line = next(i for i, text in enumerate(bad.splitlines(), 1) if trap.at in text)
    there = [f for f in found if f.check == trap.check and f.line == line]
    assert [f.severity for f in there] == [trap.severity], found
    assert trap.says in there[0].problem
    assert there[0].cure and trap.cure in there[0].cure


def assert_all_have_a_trap(checks: Iterable[Any], traps: Iterable[Trap]) -> None:
    """Assert that each check has a trap, and a docstring that says its reason."""
    assert {t.check for t in traps} == {c.__name__ for c in checks}
    assert all((c.__doc__ or '').startswith('Find ') for c in checks)


def flat(values: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    """Return nested parameters by their dotted names."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, dict)
        result |= flat(value, f'{prefix}{name}.') if inner else {f'{prefix}{name}': value}
    return result
