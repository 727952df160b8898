"""What PyYAML raises, as one error that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.yaml_file import syntax_errors, value_errors


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (b'a: 1\nb: [', 'expected YAML, but line 2: '),
        (b'a: \xff', 'expected text in UTF-8, but '),
        (b'a: 2024-13-45', 'expected YAML, but a value cannot be read: ValueError('),
        (b'a: !!int b', 'expected YAML, but a value cannot be read: ValueError('),
        (b'a: !!bool b', 'expected YAML, but a value cannot be read: KeyError('),
        (b'a: !!timestamp b', 'expected YAML, but a value cannot be read: AttributeError('),
        (b"a: !!float ''", 'expected YAML, but a value cannot be read: IndexError('),
        (b'a: "\\UFFFFFFFF"', 'expected YAML, but a value cannot be read: '),
        (b'{a: ' * 5000 + b'1' + b'}' * 5000, 'expected YAML, but it is nested too deeply'),
    ],
)
def test_whatever_is_wrong_is_one_error(text: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / 'a.yaml'
    with pytest.raises(DatasetError) as refusal, syntax_errors(file, DatasetError):
        decoded = text.decode()
        with value_errors():
            yaml.safe_load(decoded)
    assert str(refusal.value).startswith(f'{file}: {words}')
    assert '\n' not in str(refusal.value)


def test_the_line_of_a_value_is_named_where_it_is_known(tmp_path: Path) -> None:
    expected = 'expected YAML, but line 7: a value cannot be read: ValueError'
    reads = syntax_errors(tmp_path, DatasetError)
    with pytest.raises(DatasetError, match=expected), reads, value_errors(7):
        yaml.safe_load('2024-13-45')


@pytest.mark.parametrize('error', [KeyError('x'), AttributeError('x'), ValueError('x')])
def test_errors_of_our_own_code_are_not_hidden(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)), syntax_errors(tmp_path, DatasetError):
        raise error


def test_what_is_yaml_passes(tmp_path: Path) -> None:
    with syntax_errors(tmp_path / 'a.yaml', DatasetError), value_errors():
        assert yaml.safe_load('a: 2024-12-31')['a'].day == 31
