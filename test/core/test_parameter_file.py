"""Parameter files, with the line of every value."""

from __future__ import annotations

from pathlib import Path

import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.parameter_file import (
    Duplicate,
    NodeSection,
    ParameterFile,
    Value,
    read_parameter_file,
)


def read(tmp_path: Path, text: str | bytes) -> ParameterFile:
    path = tmp_path / 'params.yaml'
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_parameter_file(path)


def test_values_have_dotted_names_and_lines(tmp_path):
    file = read(
        tmp_path,
        '# comment\n'
        'costmap:\n'
        '  costmap:\n'
        '    ros__parameters:\n'
        '      rate: 5.0\n'
        '      plugins:\n'
        '        - a\n'
        '        - b\n'
        '      a: {topic: /x,\n'
        '          on: true}\n'
        '      b.c: 1\n',
    )
    (node,) = file.nodes()
    assert (node.name, node.line) == ('/costmap/costmap', 3)
    assert node.values == {
        'rate': Value(5.0, 5),
        'plugins': Value(['a', 'b'], 6),
        'a.topic': Value('/x', 9),
        'a.on': Value(True, 10),
        'b.c': Value(1, 11),
    }
    assert node.groups == {'a': 9}


@pytest.mark.parametrize(
    ('pattern', 'name', 'covers'),
    [
        ('/**', '/a', True),
        ('/**', '/a/b/c', True),
        ('/**/c', '/c', True),
        ('/**/c', '/a/b/c', True),
        ('/**/c', '/a/b', False),
        ('/*/c', '/a/c', True),
        ('/*/c', '/c', False),
        ('/*/c', '/a/b/c', False),
        ('/a/**', '/b/c', False),
        ('/a.b', '/aXb', False),
    ],
)
def test_patterns(pattern, name, covers):
    assert NodeSection(pattern, 1).covers(NodeSection(name, 1)) is covers


def test_patterns_and_sections_of_one_node_are_merged_in_the_order_of_the_file(tmp_path):
    file = read(
        tmp_path,
        '/**: {ros__parameters: {x: 1, y: 1, z: 1}}\n'
        'a: {ros__parameters: {y: 2}}\n'
        '/a: {ros__parameters: {w: 4}}\n'
        '/**/a: {ros__parameters: {z: 3}}\n',
    )
    nodes = {node.name: node for node in file.nodes()}
    assert list(nodes) == ['/**', '/a', '/**/a']
    assert nodes['/a'].values == {
        'x': Value(1, 1),
        'y': Value(2, 2),
        'w': Value(4, 3),
        'z': Value(3, 4),
    }
    assert nodes['/**/a'].values == {'z': Value(3, 4)}
    assert file.own_names(nodes['/a']) == {'y', 'w'}


def test_the_sections_for_a_node_are_in_the_order_of_the_file(tmp_path):
    file = read(
        tmp_path,
        '/a: {ros__parameters: {w: 1}}\n'
        '/**: {ros__parameters: {x: 2}}\n'
        '/n/a: {ros__parameters: {y: 3}}\n'
        '/*/a: {ros__parameters: {z: 4}}\n',
    )

    def lines(name):
        return [section.line for section in file.sections_for(name)]

    assert (lines('/a'), lines('/n/a'), lines('/m/a')) == ([1, 2], [2, 3, 4], [2, 4])
    # A pattern may name fewer nodes than another that covers its text.
    assert lines('/*/a') == [4]
    assert [node.last_name for node in file.nodes()] == ['a', '**', 'a', 'a']


def test_of_a_key_given_twice_the_last_counts_and_both_are_named(tmp_path):
    file = read(tmp_path, 'a:\n  ros__parameters:\n    x: {y: 1}\n    z: 1\n    x: {y: 2}\n')
    assert file.nodes()[0].values['x.y'] == Value(2, 5)
    assert file.duplicates == (Duplicate('/a: x', 3, 5),)


def test_anchors_and_merge_keys_are_followed(tmp_path):
    file = read(
        tmp_path,
        'a:\n  ros__parameters:\n    x: &x\n      y: 1\n      z: 1\n'
        '    w:\n      <<: *x\n      z: 2\n',
    )
    values = file.nodes()[0].values
    assert (values['w.y'], values['w.z']) == (Value(1, 4), Value(2, 8))
    assert file.duplicates == ()


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', 'found no ros__parameters'),
        ('just text', 'found no ros__parameters'),
        ('[1, 2]', 'found no ros__parameters'),
        ('costmap: {plugins: [a]}', 'found no ros__parameters'),
        ('a:\n  b: [1\nc: 2\n', 'expected YAML, but line 3: '),
        ('a:\n\tb: 1\n', 'expected YAML, but line 2: '),
        ('a: {ros__parameters: {x: !env HOME}}', 'expected YAML, but line 1: could not determine'),
        ('a: {ros__parameters: {[1]: 2}}', 'line 1: a key is not a name'),
        ('a: 1\n---\nb: 2\n', 'expected YAML, but line 2: '),
        ('a: &a\n  b: *a\n', 'line 1: a mapping contains itself'),
        (b'a: \xff\xfe', 'expected text in UTF-8'),
        ('a: {ros__parameters:\n  {x: 2024-13-45}}', 'line 2: a value cannot be read: ValueE'),
        ('a: {ros__parameters: {x: !!int b}}', 'line 1: a value cannot be read: ValueError('),
        ('a: {ros__parameters: {x: [1,\n  2024-13-45]}}', 'line 1: a value cannot be read: Val'),
        ('a: {ros__parameters: {x: &x [*x]}}', 'line 1: found unconstructable recursive node'),
        ('a: "\\UFFFFFFFF"', 'expected YAML, but a value cannot be read: '),
        ('a: *nobody', 'undefined alias'),
    ],
)
def test_what_is_no_parameter_file_is_refused_with_the_line(text, expected, tmp_path):
    with pytest.raises(ParameterError) as caught:
        read(tmp_path, text)
    assert expected in str(caught.value)
    assert 'params.yaml: expected' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_values_are_what_ros_reads(tmp_path):
    file = read(
        tmp_path,
        'a:\n  ros__parameters:\n    y: y\n    "on": 1e3\n    010: "010"\n'
        '    list: [y, [1, "2"], {b: 3}]\n    digits: 1_0\n',
    )
    # Names are text, quoted or not; lists in lists, which ROS refuses, are YAML's.
    assert file.nodes()[0].values == {
        'y': Value(True, 3),
        'on': Value(1000.0, 4),
        '010': Value('010', 5),
        'list': Value([True, [1, '2'], {'b': 3}], 6),
        'digits': Value('1_0', 7),
    }


def test_what_is_null_to_yaml_is_marked(tmp_path):
    text = "a: {ros__parameters: {a: null, b: ~, c: , d: 'null', e: '', f: !!str , g: [~]}}"
    assert read(tmp_path, text).nodes()[0].values == {
        'a': Value('null', 1, is_null=True),
        'b': Value('~', 1, is_null=True),
        'c': Value(None, 1, is_null=True),
        'd': Value('null', 1),
        'e': Value('', 1),
        'f': Value(None, 1, is_null=True),
        'g': Value(['~'], 1),
    }


def test_where_parameters_are_no_mapping_is_remembered(tmp_path):
    text = 'a:\n  b:\n    ros__parameters: [1]\nc:\n\n  ros__parameters:\n'
    file = read(tmp_path, text + 'd: {ros__parameters: {}}\n')
    found = [(node.name, node.no_mapping_line) for node in file.sections]
    assert found == [('/a/b', 3), ('/c', 6), ('/d', None)]


def test_errors_of_our_own_are_not_taken_for_the_files(tmp_path, monkeypatch):
    def broken(*_):
        raise KeyError('ours')

    monkeypatch.setattr('espnet_ros.core.parameter_file.ros_scalar', broken)
    with pytest.raises(KeyError, match='ours'):
        read(tmp_path, 'a: {ros__parameters: {x: 1}}')


def test_deep_nesting_is_refused(tmp_path):
    with pytest.raises(ParameterError, match='nested too deeply'):
        read(tmp_path, '{a: ' * 5000 + '1' + '}' * 5000)
