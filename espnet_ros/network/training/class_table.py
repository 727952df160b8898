"""The class table of a data.yaml: the classes, and the meaning of the pixels of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import UNLABELED, Labels
from espnet_ros.network.training.label_files import LabelCode, pack_rgb

_NEEDS = ('name', 'color_rgb', 'kind')
_KEYS = (*_NEEDS, 'ids', 'colors')


def class_table(data: Mapping[str, Any]) -> tuple[Labels, LabelCode]:
    """Return the classes and what pixels mean, from ``classes``, ``labels`` and ``void``.

    :param data: the content of a data.yaml that has ``classes``.
    :raises DatasetError: listing what does not fit.
    :raises BundleError: as `Labels` does.
    """
    kind = data.get('labels', 'ids')
    if kind not in ('ids', 'colors'):
        raise DatasetError(f'labels must be ids or colors, got {kind!r}')
    rows = data['classes']
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetError('classes must be a list of {name, color_rgb: [r, g, b], kind}')
    _check_rows(rows)
    labels = Labels.from_list(rows)
    own = [row.get(kind, [row['color_rgb']] if kind == 'colors' else [i]) for i, row in
           enumerate(rows)]  # fmt: skip
    void = data.get('void', [])
    meaning: dict[int, int] = {} if kind == 'colors' else {UNLABELED: UNLABELED}
    problems = [f'{row["name"]!r} has the unknown key {key!r}' for row in rows for key in row
                if key not in _KEYS]  # fmt: skip
    for values, target in [(void, UNLABELED), *zip(own, range(len(labels)), strict=True)]:
        who = '`void`' if target == UNLABELED else repr(labels[target].name)
        for value in values if isinstance(values, list) else [values]:
            key = _key(value, kind)
            if key is None:
                problems.append(f'{who}: {value!r} is not valid with `labels: {kind}`')
            elif meaning.setdefault(key, target) != target:
                problems.append(f'{who}: {value!r} is used twice')
    if problems:
        raise DatasetError('class table refused: ' + '; '.join(problems))
    return labels, LabelCode(meaning, kind == 'colors')


def _check_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    problems = []
    for class_id, row in enumerate(rows):
        missing = [key for key in _NEEDS if key not in row]
        if missing:
            who = f'class {class_id}' + (f' ({row["name"]})' if 'name' in row else '')
            problems.append(
                f'{who} lacks {", ".join(missing)}: each has a name, color_rgb: [r, g, b] and a '
                'kind, which is ground, upright or sky'
            )
        elif row['kind'] == 'void':
            # A model may have one, like those of the paper's authors; its answers are ignored.
            problems.append(
                f'{row["name"]!r}: a class of kind void cannot be learned: list its ids or '
                'colours under `void` (a key of `layout: folders`)'
            )
    if problems:
        raise DatasetError('class table refused: ' + '; '.join(problems))


def _key(value: Any, kind: str) -> int | None:
    if kind == 'ids':
        return value if isinstance(value, int) and 0 <= value <= 255 else None
    ok = isinstance(value, list) and len(value) == 3
    ok = ok and all(isinstance(v, int) and 0 <= v <= 255 for v in value)
    return pack_rgb(tuple(value)) if ok else None
