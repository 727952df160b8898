"""Traps of kiwicampus' layer."""

import pytest
from parameter_files import SEMANTIC, Trap, assert_all_have_a_trap, assert_found, check, own

from espnet_ros.core.labels import CAMVID
from espnet_ros.nav2.check import check_file
from espnet_ros.nav2.semantic_checks import CHECKS

TRAPS = [
    Trap(
        'semantic',
        'front\n',
        'front\n        combination_method: 2  # HERE\n',
        'combination_method',
        'is 2, neither 0 nor 1: nothing of semantic reaches the costmap',
        cure='combination_method: 1',
    ),
    Trap(
        'semantic',
        '          class_types: [free, danger]\n',
        '',
        'class_types',
        'ends the Nav2 server',
        at='# SOURCE',
    ),
    Trap(
        'semantic',
        'classes: [Road, Pavement]',
        'classes: []  # HERE',
        'class_types',
        'free has no classes',
        also=('class_unmapped',),
    ),
    Trap(
        'semantic',
        '[free, danger]',
        '[danger]',
        'class_types',
        'free is not in class_types',
        at='classes: [Road',
    ),
    Trap(
        'semantic',
        '[Road, Pavement]',
        '[Road, Pavement, road]  # HERE',
        'class_names',
        "'road' is no class of espnet_camvid",
    ),
    Trap(
        'semantic',
        'Building, Pole, ',
        'Pole, ',
        'class_unmapped',
        'Building of espnet_camvid',
        'warning',
        at='class_types: [',
    ),
    Trap(
        'semantic',
        'SignSymbol, Fence]',
        'SignSymbol, Fence, Road]  # HERE',
        'class_twice',
        'Road is already in class type free',
        'warning',
    ),
    Trap('semantic', 'max_cost: 254', 'max_cost: 255  # HERE', 'cost_range', '255 means unknown'),
    Trap(
        'semantic',
        'max_cost: 0\n',
        'max_cost: 150\n            base_cost: 200  # HERE\n',
        'cost_order',
        'base_cost 200 is above max_cost, which is 150: the more certain free is, the less it',
        'warning',
        cure='max_cost: 200 or more in free',
    ),
    Trap(
        'semantic',
        'max_cost: 0\n',
        'base_cost: 200  # HERE\n',
        'cost_order',
        'base_cost 200 is above max_cost, which is 0 by default: the more certain free is',
        'warning',
        cure='max_cost: 200 or more in free',
    ),
    Trap(
        'semantic',
        'mark_confidence: 128',
        'mark_confidence: 255  # HERE',
        'cost_range',
        'mark_confidence is 255: expected 0 to 254',
    ),
    Trap(
        'semantic',
        'mark_confidence: 128',
        'mark_confidence: -1  # HERE',
        'cost_range',
        'mark_confidence is -1: expected 0 to 254',
    ),
    Trap(
        'semantic',
        'confidence: 128',
        'confidence: 128\n            samples_to_max_cost: -3  # HERE',
        'samples',
        'samples_to_max_cost is -3: max_cost counts at once',
        'warning',
    ),
    # 10 masks a second in 5 s, with one at either end.
    Trap(
        'semantic',
        'confidence: 128',
        'confidence: 128\n            samples_to_max_cost: 52  # HERE',
        'samples',
        'a tile forgets after 5 s, and at most 51 come in that time',
    ),
    Trap(
        'semantic',
        'class_types: [',
        'max_obstacle_distance: 0.1  # HERE\n          class_types: [',
        'nothing_marked',
        'max_obstacle_distance 0.1 is not above min_obstacle_distance 0.3: front marks nothing',
    ),
    Trap(
        'semantic',
        'class_types: [',
        'min_obstacle_distance: 5.0  # HERE\n          class_types: [',
        'nothing_marked',
        'max_obstacle_distance 5 is not above min_obstacle_distance 5',
    ),
    Trap(
        'semantic',
        'class_types: [',
        'tile_map_decay_time: 0.0  # HERE\n          class_types: [',
        'nothing_marked',
        'tile_map_decay_time is 0: front forgets everything before it is marked',
    ),
    Trap(
        'semantic',
        '/segmentation/nav/points',
        '/camera/depth/points',
        'fitting_topics',
        'differ in size: every mask',
        at='segmentation_topic',
    ),
    Trap(
        'semantic',
        'nav/confidence',
        'confidence  # HERE',
        'fitting_topics',
        'it is that of other pixels',
    ),
    Trap(
        'semantic',
        '          labels_topic: /segmentation/label_info\n',
        '',
        'fitting_topics',
        'front has no labels_topic',
        at='# SOURCE',
    ),
    Trap(
        'semantic',
        '/segmentation/nav/mask',
        '/segmentation/left/nav/mask  # HERE',
        'fitting_topics',
        'several cameras',
    ),
    Trap(
        'semantic',
        'max_cost: 0',
        'max_cost: 0\n          expected_update_rate: 1.0  # HERE',
        'no_effect',
        'does nothing',
        'warning',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


def test_without_labels_class_names_are_not_checked(tmp_path):
    path = tmp_path / 'nav2_params.yaml'
    path.write_text(SEMANTIC.replace('Road', 'road'), encoding='utf-8')
    assert check_file(path, None).findings == ()
    assert {f.check for f in check_file(path, CAMVID).findings} == {
        'class_names',
        'class_unmapped',
    }


def test_the_layer_needs_no_confidence(tmp_path):
    line = '          confidence_topic: /segmentation/nav/confidence\n'
    assert SEMANTIC.count(line) == 1
    assert check(tmp_path, SEMANTIC.replace(line, '')) == ()


def test_the_mask_of_full_size_goes_with_a_depth_camera(tmp_path):
    text = SEMANTIC.replace('/segmentation/nav/points', '/camera/points').replace('/nav/', '/')
    assert check(tmp_path, text) == ()


def test_the_confidence_of_a_full_mask_is_full(tmp_path):
    text = SEMANTIC.replace('nav/mask', 'mask').replace('/segmentation/nav/points', '/points')
    (found,) = check(tmp_path, text)
    assert 'memory is read out of bounds' in found.problem
    assert found.line == 13


@pytest.mark.parametrize(
    'line',
    [
        # 51 masks of 10 a second fit into 5 s.
        'free: {samples_to_max_cost: 51}',
        # The costs are the same, so nothing is waited for.
        'free: {samples_to_max_cost: 999, base_cost: 80, max_cost: 80}',
        # Distances are squared.
        'max_obstacle_distance: -6.0',
        # A tile that never forgets.
        'tile_map_decay_time: .inf',
    ],
)
def test_no_false_alarm_of_costs_and_distances(line, tmp_path):
    name, _, value = line.partition(': ')
    new = f'          {name}: {value}\n'
    if name == 'free':
        new = f'          free: {{classes: [Road, Pavement], {value[1:]}\n'
        old = SEMANTIC[SEMANTIC.index('          free:') : SEMANTIC.index('          danger:')]
        text = SEMANTIC.replace(old, new)
    else:
        text = SEMANTIC.replace('          class_types', f'{new}          class_types')
    assert text != SEMANTIC
    assert check(tmp_path, text) == ()


def test_slower_masks_bring_fewer_samples(tmp_path):
    # 2.5 masks a second, so 13 at most in the 5 s of a tile.
    slow = own('{grid: {update_rate: 2.5}}')
    for count, expected in ((13, []), (14, ['samples'])):
        new = f'confidence: 128\n            samples_to_max_cost: {count}'
        found = check(tmp_path, slow + SEMANTIC.replace('confidence: 128', new))
        assert [f.check for f in found] == expected
