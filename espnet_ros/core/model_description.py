"""The description of a model in its ``model.yaml``, without its files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from espnet_ros.core.labels import Labels

Description = TypeVar('Description', bound='ModelDescription')


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """A model without its files.

    :param name: the model's name; a model written without one takes its folder's name.
    :param architecture: ``{name, classes, alpha2, alpha3}``, for ``espnet`` also ``skip``, and
        ``class_bias`` if its classes have biases.
    :param size_wh: width and height of the image the model was trained for, multiples of 8.
    :param channel_order: of the image, always ``BGR``.
    :param mean: per channel, 0..255; the network sees ``(image - mean) / std * input_scale``.
    :param std: per channel, 0..255.
    :param input_scale: 1.0, or 1/255 for the published checkpoints.
    :param labels: the classes, including void if the model has it.
    :param metrics: the figures the model reached, as its makers recorded them.
    :param licence: of the weights.
    :param temperature: confidence is that of softmax(logits / temperature); 1.0 by default.
    """

    name: str = ''
    architecture: Mapping[str, Any]
    size_wh: tuple[int, int]
    channel_order: str = 'BGR'
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_scale: float
    labels: Labels
    metrics: Mapping[str, Any]
    licence: str
    temperature: float = 1.0

    @classmethod
    def from_dict(cls: type[Description], data: Mapping[str, Any], **more: Any) -> Description:
        """Build from the content of a ``model.yaml`` that has been checked.

        :param more: further fields of a subclass.
        """
        width, height = data['size_wh']
        return cls(
            name=data['name'],
            architecture=dict(data['architecture']),
            size_wh=(width, height),
            channel_order=data['channel_order'],
            mean=tuple(map(float, data['mean'])),
            std=tuple(map(float, data['std'])),
            input_scale=float(data['input_scale']),
            labels=Labels.from_list(data['classes']),
            metrics=dict(data['metrics']),
            licence=data['licence'],
            temperature=float(data.get('temperature', 1.0)),
            **more,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for YAML, the inverse of `from_dict`, without format and files."""
        return {
            'name': self.name,
            'architecture': dict(self.architecture),
            'size_wh': [int(v) for v in self.size_wh],
            'channel_order': self.channel_order,
            'mean': [float(v) for v in self.mean],
            'std': [float(v) for v in self.std],
            'input_scale': float(self.input_scale),
            'temperature': float(self.temperature),
            'classes': self.labels.to_list(),
            # YAML can't hold NumPy scalars; training must not fail in its last step over them.
            'metrics': json.loads(json.dumps(dict(self.metrics), default=float)),
            'licence': self.licence,
        }


def description_like(model: ModelDescription, **changes: Any) -> ModelDescription:
    """Return the description of a model, e.g. a `Bundle`, with changes."""
    fields = dataclasses.fields(ModelDescription)
    same = {field.name: getattr(model, field.name) for field in fields}
    return ModelDescription(**(same | changes))
