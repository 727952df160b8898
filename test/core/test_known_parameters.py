"""Names that the node has no parameter of, and types of those that ROS declares."""

from espnet_ros.core.known_parameters import OF_ROS, ROS_SPECS, passed_over, unknown_names
from espnet_ros.core.parameter_file import NodeSection, Value


def test_unknown_names_are_refused_but_for_those_in_sections_for_many():
    own, shared = NodeSection('/segmentation', 1), NodeSection('/robot/*', 1)
    pattern = NodeSection('/**/segmentation', 1)
    own.values = {'typo': Value(1, 1), 'other': Value(1, 1)}
    pattern.values = {'slip': Value(1, 1)}
    shared.values = {'other': Value(1, 1), 'radius': Value(1, 1)}
    names = ['other', 'typo', 'slip', 'grid.size', 'layers.a.cost', 'layers.a', 'use_sim_time']
    names += ['qos_overrides./tf.subscription.depth', 'qos_overrides', 'radius']
    refused, passed = unknown_names(names, [own, pattern, shared])
    assert refused == ['typo', 'slip', 'layers.a', 'qos_overrides']
    assert passed == ['other', 'radius']
    assert unknown_names(['other'], [own]) == (['other'], [])


def test_what_ros_declares_has_its_type():
    types = {spec.name: spec.type for spec in ROS_SPECS}
    assert types == {'use_sim_time': 'bool', 'start_type_description_service': 'bool'}
    assert all(OF_ROS.fullmatch(name) for name in types)
    assert not OF_ROS.fullmatch('use_sim_times')


def test_what_is_passed_over_says_where_it_is():
    assert passed_over('grid.sise') == (
        "unknown parameter 'grid.sise', did you mean 'grid.size'? (in a section for many nodes)"
    )
