"""Words in parameter files: what ROS makes of them."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_ros.core.parameter_file import read_parameter_file
from espnet_ros.core.ros_scalar import ros_scalar

# Plain words; the values are those that parse.c of rcl_yaml_param_parser has for them.
PLAIN = {
    'Y': True, 'y': True, 'yes': True, 'Yes': True, 'YES': True, 'true': True, 'True': True,
    'TRUE': True, 'on': True, 'On': True, 'ON': True, 'N': False, 'n': False, 'no': False,
    'No': False, 'NO': False, 'false': False, 'False': False, 'FALSE': False, 'off': False,
    'Off': False, 'OFF': False, 'yEs': 'yEs', 'tRUE': 'tRUE', 'oN': 'oN',
    # Nothing is no word of its own.
    'null': 'null', '~': '~', 'Null': 'Null', 'NULL': 'NULL',
    '0': 0, '-0': 0, '+5': 5, '-12': -12, '0x1F': 31, '-0X10': -16, '010': 8, '-017': -15,
    '08': 8.0, '0o17': '0o17', '0b101': '0b101', '1_000': '1_000', '0x': '0x', '1,5': '1,5',
    '9223372036854775807': 2**63 - 1, '-9223372036854775808': -(2**63),
    '9223372036854775808': 2.0**63, '-9223372036854775809': -(2.0**63),
    '0x7fffffffffffffff': 2**63 - 1, '0xFFFFFFFFFFFFFFFF': 2.0**64,
    '0777777777777777777777': 2**63 - 1, '01000000000000000000000': 1e21,
    '1.5': 1.5, '-.5': -0.5, '5.': 5.0, '+.5e1': 5.0, '1e3': 1000.0, '1E-3': 0.001, '1e+2': 100.0,
    '1e': '1e', '1.5f': '1.5f', '.': '.', '1.2.3': '1.2.3', '+': '+', '1e1_0': '1e1_0',
    '1e999': '1e999', '-1e999': '-1e999', '1e-400': '1e-400', '1e-310': '1e-310',
    '2.2250738585072014e-308': 2.2250738585072014e-308, '0e999': 0.0, '-0.0': -0.0,
    '0x1p3': 8.0, '0x.8': 0.5, '0x1.8P-1': 0.75, '0x1p9999': '0x1p9999',
    '0x0.1p-9999': '0x0.1p-9999', '0x0.0p-9': 0.0,
    '.inf': math.inf, '+.Inf': math.inf, '-.INF': -math.inf, '.iNf': '.iNf', 'inf': math.inf,
    '-Infinity': -math.inf, 'iNF': math.inf, 'infinit': 'infinit',
    '.nan': math.nan, '.NaN': math.nan, '.NAN': math.nan, '.Nan': '.Nan', '+.nan': '+.nan',
    'nan': math.nan, '-NaN': math.nan, 'nan(12)': math.nan, 'nano': 'nano',
    '12:30': '12:30', '2024-13-45': '2024-13-45', '=': '=', '1 2': '1 2', 'a b': 'a b',
    '1' * 5000: '1' * 5000,
}  # fmt: skip
# In other styles, as they stand in a file.
STYLED = {
    '"true"': 'true', "'5'": '5', '""': '', '|-\n      5': 5, '|\n      5': '5\n',
    '>-\n      on': True, '|-\n\n      5': 5,
    '[1, 0x2]': [1, 2], '[y, off]': [True, False], '[1e0, .5]': [1.0, 0.5], '["1", a]': ['1', 'a'],
}  # fmt: skip
TEXTS = {
    '!!str 5': '5', '!!str y': 'y', '!<tag:yaml.org,2002:str> 1.5': '1.5', '! 5': 5,
    '[!!str 1, ~]': ['1', '~'],
}  # fmt: skip
# Lyrical reads these tags, which releases before it pass over.
TAGGED = {'!!int "5"': '5', '!!float 5': 5, '!!bool yes': True}
IS_HUMBLE = os.environ.get('ROS_DISTRO') == 'humble'

CHILD = """
import json, sys
import rclpy
rclpy.init(args=sys.argv)
node = rclpy.create_node('words', start_parameter_services=False, enable_rosout=False)
values = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
plain = {n: v if isinstance(v, (bool, int, float, str)) else list(v) for n, v in values.items()}
print(json.dumps(plain))
rclpy.shutdown()
"""


def same(value: object, expected: object) -> bool:
    """Return whether two values are the same and of the same type, signs of zero included."""
    return (type(value), repr(value)) == (type(expected), repr(expected))


@pytest.mark.parametrize('text', PLAIN, ids=lambda t: t[:24])
def test_plain_words(text: str) -> None:
    assert same(ros_scalar(text), PLAIN[text])


@pytest.mark.parametrize('text', ['true', '5', '1e3', '.nan'])
def test_what_is_said_to_be_text_is_text(text: str) -> None:
    assert same(ros_scalar(text, is_quoted=True), text)
    assert same(ros_scalar(text, is_tagged=True), text)


def test_nothing_is_no_text_without_quotes() -> None:
    assert ros_scalar('') is None
    assert ros_scalar('', is_tagged=True) is None
    assert ros_scalar('', is_quoted=True) == ''


def write(folder: Path, words: dict[str, object]) -> tuple[Path, dict[str, object]]:
    """Return a parameter file with these words, and what they mean by name."""
    # PyYAML, and so nav2_bringup, refuses the first two as no date and no value, and the digits.
    left_out = '2024-13-45', '=', '1' * 5000
    texts = [(text, value) for text, value in words.items() if text not in left_out]
    lines = [f'    w{i}: {text}\n' for i, (text, _) in enumerate(texts)]
    path = folder / 'words.yaml'
    path.write_text('words:\n  ros__parameters:\n' + ''.join(lines), encoding='utf-8')
    return path, {f'w{i}': value for i, (_, value) in enumerate(texts)}


def test_words_in_a_file_are_what_they_mean_to_ros(tmp_path) -> None:
    path, expected = write(tmp_path, {**PLAIN, **STYLED, **TEXTS, **TAGGED})
    (node,) = read_parameter_file(path).nodes()
    values = {name: value.value for name, value in node.values.items()}
    assert {n: v for n, v in expected.items() if not same(values[n], v)} == {}
    assert len(values) == len(expected) > 100


def test_ros_itself_agrees(ros_domain, tmp_path) -> None:
    # Looked for, not imported: ROS from wheels starts the process anew at its first import.
    if importlib.util.find_spec('rclpy') is None:
        pytest.skip('without rclpy there is nothing to compare with')
    path, expected = write(tmp_path, {**PLAIN, **STYLED, **({} if IS_HUMBLE else TEXTS)})
    program = tmp_path / 'words.py'
    program.write_text(CHILD)
    done = subprocess.run(
        [sys.executable, str(program), '--ros-args', '--params-file', str(path)],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, 'ROS_LOG_DIR': str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert {n: (v, values[n]) for n, v in expected.items() if not same(values[n], v)} == {}
    assert values.keys() == expected.keys()
