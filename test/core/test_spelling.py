"""What is taken for what somebody meant."""

from __future__ import annotations

import pytest

from espnet_ros.core.spelling import nearest


@pytest.mark.parametrize(
    ('word', 'least', 'expected'),
    [
        ('road', 0.6, 'Road'),
        ('Raod', 0.6, 'Road'),
        ('raod', 0.9, ''),
        ('car', 0.6, ''),
        ('car', 0.0, 'Road'),
    ],
)
def test_the_nearest_word(word, least, expected):
    assert nearest(word, ['Road', 'Building'], least) == expected


def test_of_no_words_none_is_near():
    assert nearest('road', [], 0.0) == ''
