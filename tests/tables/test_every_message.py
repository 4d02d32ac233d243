"""No message without a situation in which it was judged."""

from inspect import isfunction

from bot import messages
from tests.tables import test_asking_messages, test_workflow_messages
from tests.tables.test_messages import say


def test_every_message_that_can_be_posted_has_a_situation() -> None:
    public = {name for name in messages.__all__ if isfunction(getattr(messages, name))}
    assert test_workflow_messages.SITUATIONS
    assert test_asking_messages.SITUATIONS
    assert {name for name in say.names if not name.startswith("_")} == public
