"""Places: what the engine is told of where people are, and what Slack calls it."""


def place_of(team: str, channel: str) -> str:
    """A channel of a workspace, in the engine's words."""
    return f"{team}/{channel}"


def channel_of(place: str) -> str:
    """The id of the channel that a place is."""
    return place.partition("/")[2]
