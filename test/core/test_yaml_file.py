"""What PyYAML raises, as one error that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.yaml_file import yaml_errors


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (b'a: 1\nb: [', 'expected YAML, but line 2: '),
        (b'a: \xff', 'expected text in UTF-8, but '),
        (b'a: 2024-13-45', 'expected YAML, but a value can not be read: ValueError('),
        (b'a: !!int b', 'expected YAML, but a value can not be read: ValueError('),
        (b'a: !!bool b', 'expected YAML, but a value can not be read: KeyError('),
        (b'a: !!timestamp b', 'expected YAML, but a value can not be read: AttributeError('),
        (b"a: !!float ''", 'expected YAML, but a value can not be read: IndexError('),
        (b'{a: ' * 5000 + b'1' + b'}' * 5000, 'expected YAML, but it is nested too deeply'),
    ],
)
def test_whatever_is_wrong_is_one_error(text: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / 'a.yaml'
    with pytest.raises(DatasetError) as refusal, yaml_errors(file, DatasetError):
        yaml.safe_load(text.decode())
    assert str(refusal.value).startswith(f'{file}: {words}')
    assert '\n' not in str(refusal.value)


def test_what_is_yaml_passes(tmp_path: Path) -> None:
    with yaml_errors(tmp_path / 'a.yaml', DatasetError):
        assert yaml.safe_load('a: 2024-12-31')['a'].day == 31
