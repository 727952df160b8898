"""Requests for transitions that raise, as with rclpy of Humble and Jazzy."""

from __future__ import annotations

from types import SimpleNamespace

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from espnet_ros.ros.transitions import answer_refusals


def node_that(change_state):
    errors = []
    return SimpleNamespace(
        _service_change_state=SimpleNamespace(callback=change_state), errors=errors,
        get_logger=lambda: SimpleNamespace(error=errors.append),
    )  # fmt: skip


def ask(node):
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    return node._service_change_state.callback(request, ChangeState.Response(success=True))


def test_a_transition_that_the_state_does_not_have_is_answered():
    def refuse(request, response):
        raise RuntimeError('No transition matching 1 found for current state active')

    node = node_that(refuse)
    answer_refusals(node)
    assert ask(node).success is False
    assert node.errors == [
        'transition 1 refused: No transition matching 1 found for current state active'
    ]


def test_all_others_are_answered_as_before():
    node = node_that(lambda request, response: response)
    answer_refusals(node)
    assert ask(node).success is True and not node.errors
