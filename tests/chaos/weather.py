"""What storm it is to be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weather:
    """How long it lasts, what strikes, and how often."""

    database: str  # sqlite | postgresql
    seed: int
    seconds: float
    only: tuple[str, ...] = ()  # words of kinds; none: all kinds
    lanes: int = 1  # strikes at a time
    between: tuple[float, float] = (0.5, 2.0)  # seconds between strikes of a lane
    asks: tuple[float, float] = (2.0, 6.0)  # seconds between two requests
    lease: float = 6.0
    limits: bool = False  # Slack's
    patience: float = 60.0  # seconds without any progress, after which it counts as stuck
