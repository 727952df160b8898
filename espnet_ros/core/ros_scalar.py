"""Reads a scalar of a parameter file as ROS does, which is not always as YAML does."""

from __future__ import annotations

import math
import re
import sys

_TRUE = ('Y', 'y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON')
_FALSE = ('N', 'n', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF')
_BOOLS = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
# Words of YAML that strtod does not know.
_FLOATS = {
    **dict.fromkeys(('.nan', '.NaN', '.NAN'), math.nan),
    **{f'{sign}.{word}': math.inf for sign in ('', '+') for word in ('inf', 'Inf', 'INF')},
    **{f'-.{word}': -math.inf for word in ('inf', 'Inf', 'INF')},
}
# What the C library skips in front of a number.
_BLANKS = ' \t\n\v\f\r'
_OCTAL = re.compile(r'[-+]?0[0-7]*')
_DECIMAL = re.compile(r'[-+]?[1-9][0-9]{0,18}')
_HEXADECIMAL = re.compile(r'[-+]?0[xX][0-9a-fA-F]+')
_FLOAT = re.compile(r'[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?')
_HEXADECIMAL_FLOAT = re.compile(
    r'[-+]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)([pP][-+]?[0-9]+)?'
)
_NO_NUMBER = re.compile(r'([-+]?)(inf|infinity|nan(?:\([0-9a-zA-Z_]*\))?)', re.IGNORECASE)


def ros_scalar(
    text: str, is_quoted: bool = False, is_tagged: bool = False
) -> bool | int | float | str | None:
    """Return a scalar of a parameter file with the value and type that ROS gives it.

    This follows ``get_value`` and ``parse_value`` in rcl_yaml_param_parser/src/parse.c of
    ros2/rcl. The words above are bools. Whatever strtoll reads in base 0 and 64 bits is an integer
    (0x10, and 010 for 8). Whatever strtod reads without going out of range is a double (1e3, nan,
    08). All else is a string, including 1_000, 12:30, null and ~.

    :param text: without quotes, escapes resolved.
    :param is_tagged: whether it is tagged ``!!str``, which Humble ignores. Only Lyrical reads
        other tags.
    :returns: None for an empty value, for which ROS refuses the file.
    """
    if not text and not is_quoted:
        return None
    if is_quoted or is_tagged:
        return text
    if text in _BOOLS:
        return _BOOLS[text]
    number = text.lstrip(_BLANKS)
    whole = _integer(number)
    value = _float(number) if whole is None else whole
    return text if value is None else value


def _integer(text: str) -> int | None:
    """Return what strtoll reads in base 0, None if it does not read all or not in 64 bits."""
    for pattern, base in ((_OCTAL, 8), (_DECIMAL, 10), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            value = int(text, base)
            return value if -(2**63) <= value < 2**63 else None
    return None


def _float(text: str) -> float | None:
    """Return what strtod reads, None if it does not read all or leaves the range."""
    if text in _FLOATS:
        return _FLOATS[text]
    word = _NO_NUMBER.fullmatch(text)
    if word:
        return float(word[1] + word[2].partition('(')[0])
    match = _FLOAT.fullmatch(text) or _HEXADECIMAL_FLOAT.fullmatch(text)
    if not match:
        return None
    value = _from_hexadecimal(text) if match.re is _HEXADECIMAL_FLOAT else float(text)
    # strtod also leaves its range at the small end, except for zero. It does accept numbers there
    # that a double holds exactly, but nobody writes their hundreds of digits.
    is_lost = abs(value) < sys.float_info.min and match[1].strip('0.')
    return None if is_lost or math.isinf(value) else value


def _from_hexadecimal(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return math.inf
