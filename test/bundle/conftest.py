import pytest
from tiny_bundle import save


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / 'tiny').path
