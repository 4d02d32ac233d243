"""What attempts of agents are carried out with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.assignments import confinement
from engine.briefing import Tray
from engine.broker_access import Access
from engine.budgets import Budgets
from engine.executor import Confinement, Executor
from engine.masking import UNMASKED, Mask
from engine.runs import Runs
from engine.settings import Settings
from engine.trays import Trays
from engine.workshop import Bench, Workshop


@dataclass(frozen=True)
class Tools:
    """What attempts are carried out with."""

    runs: Runs
    workshop: Workshop
    trays: Trays
    executor: Executor
    settings: Settings
    host: str
    environment: Mapping[str, str]  # of every process of an agent
    model: Access  # what the executor alone gets beside it
    hidden: tuple[Path, ...]  # what agents must not read
    mask: Mask = UNMASKED  # over what they say and leave

    @property
    def budgets(self) -> Budgets:
        """Sets aside what an attempt may cost."""
        return Budgets(self.runs.workflows, self.runs.leases)

    def confinement(self, bench: Bench, tray: Tray | None = None) -> Confinement:
        """What an agent's processes may reach beside their workspace."""
        return confinement(self.settings, self.hidden, bench, tray)
