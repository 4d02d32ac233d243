"""The times that Slack gives an app. Tests shorten them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds, as Slack documents them."""

    ack: float = 3.0
    retries: tuple[float, ...] = (0.0, 60.0, 300.0)
    trigger: float = 3.0
    response: float = 1800.0
    response_uses: int = 5
    ticket: float = 30.0
    connection: float = 3600.0
    upload: float = 600.0
    edit_window: float | None = None
