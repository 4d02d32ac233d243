"""How the agents of a worker reach their model: through the broker, or as it is configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.broker import Broker
from engine.broker_exchange import Ears
from engine.broker_pause import Pause, board
from engine.broker_upstream import Upstream, environment, upstream
from engine.environment import model_environment
from engine.executor import Usage


@dataclass(frozen=True)
class Access:
    """What the CLI is given for its model; runs go by their markers."""

    values: Mapping[str, str] = field(repr=False)  # variables, as they are configured
    broker: Broker | None = None

    async def open(self) -> None:
        """To be called before any run."""
        if self.broker:
            await self.broker.open()

    async def close(self) -> None:
        """To be called after the last."""
        if self.broker:
            await self.broker.close()

    def environment(self, marker: str) -> dict[str, str]:
        """The variables of a run's CLI."""
        if self.broker is None:
            return dict(self.values)
        return environment(self.values, self.broker.port, self.broker.admit(marker))

    def refuse(self, marker: str) -> None:
        """The model is not to be asked by this run any more."""
        if self.broker:
            self.broker.refuse(marker)

    def dismiss(self, marker: str) -> None:
        """The run has ended."""
        if self.broker:
            self.broker.dismiss(marker)

    def used(self, marker: str, known: Usage) -> Usage:
        """What a run has used that was broken off; its cost is as last known."""
        if self.broker is None:
            return known
        seen = self.broker.tokens(marker)
        return replace(
            known,
            tokens_in=max(known.tokens_in, seen.taken),
            tokens_out=max(known.tokens_out, seen.given),
        )


def access(values: Mapping[str, str], ears: Ears, *, wanted: bool) -> Access:
    """The access of a worker whose environment, its secrets included, this is."""
    there = upstream(values, wanted=wanted)
    direct = Access(model_environment(values))
    if not isinstance(there, Upstream):
        return direct
    return replace(direct, broker=Broker(there, ears, Pause(board(there, values))))
