"""What the node refuses of its own parameters, found before it is started."""

import tracemalloc
from pathlib import Path

import pytest
from parameter_files import SEMANTIC, Trap, assert_all_have_a_trap, assert_found, check, own

from espnet_ros.core.labels import CAMVID, LabelClass, Labels
from espnet_ros.nav2.check import check_file
from espnet_ros.nav2.own_checks import CHECKS


def trap(old: str, new: str, name: str, says: str, at: str = '# HERE', **more: str) -> Trap:
    """Return an edit of the file with parameters of the node."""
    return Trap('managed', old, new, name, says, at=at, **more)


def added(parameters: str, name: str, says: str) -> Trap:
    """Return parameters that are given to the node besides, in the line where they are found."""
    return trap('    autostart:', f'    {parameters}  # HERE\n    autostart:', name, says)


# Which classes there are, and which of them stand, only the labels tell.
OF_CLASSES = [
    trap('[Pedestrian]', '[Pedestrain]', 'layers', "did you mean 'Pedestrian'?", at='# LAYER'),
    added('projection.ground_cover: [Road]', 'together', "'Road', which is not an upright class"),
    added('projection.overhang.Tre: 0.5', 'together', "'Tre', which is not an upright class"),
]
TRAPS = [
    Trap(
        'obstacle',
        '/robot1/local',
        own('{grid: {size: 20.0}}') + '/robot1/local',
        'parameters',
        'grid.size: expected a list of type double, got 20.0',
        at='grid: ',
    ),
    Trap(
        'obstacle',
        '/robot1/local',
        own('{grid: {resolutin: 0.1}, use_sim_time: true}') + '/robot1/local',
        'parameters',
        "unknown parameter 'grid.resolutin', did you mean 'grid.resolution'?",
        at='grid: ',
    ),
    added('use_sim_time: "yes"', 'parameters', 'use_sim_time: expected a value of type bool, got'),
    added('start_type_description_service: 1', 'parameters', 'of type bool, got 1'),
    # At start, so whatever the model.
    trap('cost: 100', 'cost: 101  # HERE', 'parameters', 'people.cost: expected 0 to 100, got'),
    trap('cost: 100', 'cost: 1.5  # HERE', 'parameters', 'people.cost: expected a value of type'),
    trap(': 0.3\ncoll', ': 0.0  # HERE\ncoll', 'parameters', 'expected 0.001 to 1.0, got 0.0'),
    added('layers.road: 5', 'parameters', "unknown parameter 'layers.road', did you"),
    trap(
        'classes: [Pedestrian]',
        'classes: {x: [Pedestrian]}  # HERE',
        'parameters',
        "unknown parameter 'layers.people.classes.x', did you mean 'layers.people.classes'?",
    ),
    trap('classes: [', 'clases: [', 'parameters', "'layers.people.clases'", at='clases'),
    trap('cost: 100', 'cost: 99  # HERE', 'layers', 'inscribed', severity='warning'),
    trap('        cost: 100\n', '', 'layers', "people: 'cost' is missing", at='# LAYER'),
    trap('[Pedestrian]', '[]', 'layers', 'people: expected at least one class', at='# LAYER'),
    added('layers.clear: {classes: [Road], cost: 0}', 'layers', "'clear' is taken by ~/points/cl"),
    # 0.5 m is half of the shorter side; so is 1.0, the default of the step, of 2.0.
    added(
        'grid.size: [4.0, 1.0]\n    grid.recentre_step: 0.6',
        'together',
        'grid.recentre_step must be at most half of the shorter side of the grid, 1 m',
    ),
    added('grid.size: [1.8, 4.0]', 'together', 'grid, 1.8 m, or the robot leaves it, got 1 m'),
    # 1000 m / 0.01 m = 100000 cells a side.
    added('grid.size: [1000.0, 9.0]\n    grid.resolution: 0.01', 'together', 'got 100000x900'),
    # The default of max_range is 8.0.
    added('projection.min_range: 9.0', 'together', '0 m or more and below max_range, got 9'),
    added(
        'camera_mount.left.xyz: [0.0, 0.0, 1.0]',
        'together',
        'camera_mount.left belongs to no camera: expected camera_mount, by',
    ),
    added(
        'input.left.upside_down: true',
        'together',
        'input.left.upside_down belongs to no camera: expected input.upside_down, by',
    ),
    added('camera_mount: {rpy: [0.0, 0.1, 0.0]}', 'together', 'has rpy without xyz for the cam'),
    *OF_CLASSES,
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


def found_in(folder: Path, text: str, layers: str | None = None, labels: Labels | None = CAMVID):
    """Return file, line, check and severity of what is found in one or two files."""
    path, second = folder / 'nav2.yaml', folder / 'layers.yaml'
    path.write_text(text, encoding='utf-8')
    if layers is not None:
        second.write_text(layers, encoding='utf-8')
    report = check_file(path, labels, layers=second if layers is not None else None)
    return [(Path(f.file).stem, f.line, f.check, f.severity) for f in report.findings]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_without_the_model_all_but_names_of_classes_is_found(trap, tmp_path):
    wanted = [] if trap in OF_CLASSES else [(trap.check, trap.severity)]
    assert [found[2:] for found in found_in(tmp_path, trap.edit(), labels=None)] == wanted


def test_each_problem_is_told_once_whichever_nodes_take_the_section(tmp_path):
    text = (
        '/**/segmentation:\n'
        '  ros__parameters:\n'
        '    grid: {size: [2.0, 5.0], recentre_step: 1.5, publish_rate: 99.0}\n'
        '    layers: {people: {classes: [Human], cost: 99}}\n'
        'robot1: {segmentation: {ros__parameters: {model: a}}}\n'
        'robot2: {segmentation: {ros__parameters: {model: b}}}\n'
    )
    expected = [
        ('nav2', 3, 'parameters', 'error'),
        ('nav2', 3, 'together', 'error'),
        ('nav2', 4, 'layers', 'error'),
        ('nav2', 4, 'layers', 'warning'),
    ]
    assert found_in(tmp_path, text) == expected
    assert [f.parameter for f in check(tmp_path, text)] == [
        '/**/segmentation: grid.publish_rate',
        '/**/segmentation: grid.recentre_step',
        '/**/segmentation: layers.people',
        '/**/segmentation: layers.people.cost',
    ]
    # And if the same file is given for both.
    path = tmp_path / 'nav2.yaml'
    assert len(check_file(path, CAMVID, layers=path).findings) == len(expected)


def test_two_files_have_findings_of_their_own_and_one_for_what_they_give_together(tmp_path):
    first = 'segmentation:\n  ros__parameters:\n    grid: {size: [3.0, 2.0], half_life: 0.0}\n'
    second = (
        '/**/segmentation:\n'
        '  ros__parameters:\n'
        '    grid: {recentre_step: 1.2, half_life: 0.0}\n'
        '    layers.people: {cost: 100}\n'
    )
    # 1.2 m is more than half of 2.0 m, and less than half of the default of 20.0 m.
    assert found_in(tmp_path, first, second) == [
        ('nav2', 3, 'parameters', 'error'),
        ('layers', 3, 'parameters', 'error'),
        ('layers', 3, 'together', 'error'),
        ('layers', 4, 'layers', 'error'),
    ]
    # The classes are in the other file.
    whole = first + '    layers.people.classes: [Car]\n'
    assert [f[1:3] for f in found_in(tmp_path, whole, second) if f[2] == 'layers'] == []


def test_the_last_value_counts_for_the_rules(tmp_path):
    first = own('{grid: {size: [3.0, 2.0]}}')
    second = own('{grid: {size: [3.0, 2.4], recentre_step: 1.2}}')
    assert found_in(tmp_path, first, second) == []
    assert found_in(tmp_path, second, first) == [('nav2', 2, 'together', 'error')]


@pytest.mark.parametrize(
    ('sections', 'count'),
    [
        # Cameras and mounts of one node, the pattern counting for it.
        (('/**/segmentation', '/robot1/segmentation'), 0),
        (('/**', '/**/segmentation'), 0),
        (('/robot1/*', '/*/segmentation', '/robot1/segmentation'), 0),
        (('/**', '/*/segmentation'), 0),
        (('/*/segmentation', '/**/segmentation'), 0),
        (('/**/segmentation', '/robot1/*'), 0),
        (('/*/segmentation', '/robot1/*'), 0),
        (('/*/segmentation', '/robot1/**'), 0),
        # Of two nodes; robot1 has one camera without a name.
        (('/robot1/segmentation', '/robot2/segmentation'), 1),
    ],
)
def test_which_sections_make_one_node(sections, count, tmp_path):
    layers = 'layers: {people: {classes: [Car], cost: 100}}'
    mounts, *others, cameras = [f'{s}:\n  ros__parameters:\n    {layers}\n' for s in sections]
    mounts += '    camera_mount: {left: {xyz: [0.0, 0.0, 1.0]}}\n'
    cameras += '    cameras: [left]\n'
    for texts in ([mounts, *others, cameras], [cameras, *others, mounts]):
        text = ''.join(texts)
        line = text[: text.index('camera_mount')].count('\n') + 1
        assert found_in(tmp_path, text) == [('nav2', line, 'together', 'error')] * count


@pytest.mark.parametrize(
    'given',
    [
        '{grid: {size: $(var size), recentre_step: 90.0}}',
        '{grid: {size: [2.0, 2.0], recentre_step: $(var step)}}',
        '{cameras: $(var cameras), camera_mount: {left: {xyz: [0.0, 0.0, 1.0]}}}',
        '{camera_mount: {xyz: $(var xyz), rpy: [0.0, 0.1, 0.0]}}',
        '{layers: {people: {classes: [Car], cost: $(var cost)}}, use_sim_time: $(var sim)}',
        '{layers: {people: {classes: $(var classes), cost: 60}}, use_sim_time: USE_SIM_TIME}',
        '{qos_overrides: {/tf: {subscription: {depth: 5}}}}',
    ],
)
def test_what_launch_fills_in_and_what_ros_declares_is_not_judged(given, tmp_path):
    assert found_in(tmp_path, own(given)) == []


@pytest.mark.parametrize(
    'given',
    ['{grid: {size: null}}', '{grid.frame: ~}', '{use_sim_time: null}', '{enabled: }'],
)
def test_what_is_null_is_told_once(given, tmp_path):
    assert found_in(tmp_path, own(given)) == [('nav2', 2, 'refused', 'error')]


@pytest.mark.parametrize(
    ('given', 'count'),
    [
        # The node knows nothing of the wrong leaf, and so misses the right one.
        ('{layers: {people: {clases: [Car], cost: 100}}}', 1),
        ('{camera_mount: {xzy: [0.0, 0.0, 1.0], rpy: [0.0, 0.1, 0.0]}}', 1),
        ('{layers: {people: {classes: [Car], cost: 100}, road: 5, car: {}}}', 1),
        ('{layers: 5}', 1),
        ('{cameras: [1]}', 1),
        ('{layers: {a: {cost: 1}, b: {cost: 1}}, camera_mount: {a: {rpy: [0, 0, 0]}}}', 3),
    ],
)
def test_one_mistake_is_one_finding(given, count, tmp_path):
    found = found_in(tmp_path, own(given) + SEMANTIC)
    assert [(f[1], f[3]) for f in found] == [(2, 'error')] * count


def test_unknown_names_for_many_nodes_may_be_of_others(tmp_path):
    shared = '/**:\n  ros__parameters: {other: 1}\n'
    assert found_in(tmp_path, shared + own('{model: x}')) == []
    assert found_in(tmp_path, shared + own('{other: 2}')) == [('nav2', 4, 'parameters', 'warning')]
    layers = 'layers: {a: {classes: [Car], cost: 0}}, other: 1'
    assert found_in(tmp_path, f'/**:\n  ros__parameters: {{{layers}}}\n') == []
    # One of the namespace alone is still for all nodes in it.
    assert found_in(tmp_path, '/a/*:\n  ros__parameters: {x: 1}\n' + own('{model: x}')) == []
    assert found_in(tmp_path, own('{other: 2}'), shared + own('{model: x}')) == [
        ('nav2', 2, 'parameters', 'error')
    ]


def test_layers_for_nodes_of_any_name_are_the_nodes_too(tmp_path):
    text = '/**:\n  ros__parameters:\n    layers:\n      people: {classes: [Human], cost: 100}\n'
    assert found_in(tmp_path, text) == [('nav2', 4, 'layers', 'error')]


def test_a_large_grid_costs_no_memory(tmp_path):
    text = own('{grid: {size: [1000.0, 900.0], resolution: 0.25, recentre_step: 100.0}}')
    tracemalloc.start()
    try:
        assert found_in(tmp_path, text) == []
        # For 4000x3600 cells, the evidence of a single class has 58 MB.
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_more_classes_than_a_model_may_have_are_unknown_ones(tmp_path):
    names = ', '.join(f'c{i}' for i in range(300))
    text = own(f'{{layers: {{all: {{classes: [{names}], cost: 100}}}}}}')
    assert found_in(tmp_path, text, labels=None) == [('nav2', 2, 'layers', 'error')]


def test_the_classes_are_those_of_the_model(tmp_path):
    labels = Labels([LabelClass('Green', (0, 255, 0), 'upright')])
    text = own('{layers: {all: {classes: [Green], cost: 100}}}')
    assert found_in(tmp_path, text, labels=labels) == []
    assert found_in(tmp_path, text) == [('nav2', 2, 'layers', 'error')]


def test_angles_without_a_place_are_found_where_they_are(tmp_path):
    text = (
        'segmentation:\n  ros__parameters:\n    cameras: [rear]\n'
        '    camera_mount:\n      rear: {xyz: [0.0, 0.0, 1.0]}\n      rpy: [0.0, 0.1, 0.0]\n'
    )
    (found,) = [f for f in check(tmp_path, text) if 'rpy without xyz' in f.problem]
    assert (found.line, found.parameter) == (6, '/segmentation: camera_mount.rpy')
