"""What can go wrong, one class each; the class docstring is the sentence that people read."""


class MabError(Exception):
    """Something went wrong in multi-agent-builder."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(detail or type(self).__doc__ or "")


class ConfigError(MabError):
    """The configuration cannot be used as it is."""


class InvalidSpec(MabError):
    """What was asked for cannot be started as it is written."""


class NotFound(MabError):
    """There is nothing with this id."""


class StaleMove(MabError):
    """The state has changed in the meantime; nothing was done."""


class LostLease(StaleMove):
    """Another worker owns this agent now; this worker's word no longer counts."""
