"""What of an agent's tools is ordinary, what needs people, and what nobody can allow. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from engine import permission_paths as paths
from engine import permissions
from engine.claude_hooks import reachable
from engine.executor import Call, Confinement, Job
from engine.permissions import Kind, Rule

WRITING = ("Edit", "Write", "NotebookEdit")
READING = ("Read", "Glob", "Grep")
HIDDEN = "This is hidden from agents, and nobody can allow it."


@dataclass(frozen=True)
class Walls:
    """The rules of `[agent] ask`, and the walls that stand whatever they say."""

    workspace: Path
    confinement: Confinement
    rules: tuple[Rule, ...]
    shell: bool  # whether there is Bash
    taken: str = ""  # the tool of a call that the CLI takes up as it starts

    @cached_property
    def locked(self) -> frozenset[str]:
        """The tools that the CLI must not allow by itself, since rules are about them.

        It asks about a call that it takes up as well, so that one knows when it does.
        """
        about = frozenset(tool for rule in self.rules for tool in _tools(rule))
        return about | {self.taken} if self.taken else about

    def taking_up(self, call: Call | None) -> "Walls":
        """The same walls around a CLI that takes up a call."""
        return replace(self, taken=call.tool if call else "")

    def rules_for(self, call: Call, real: Path | None) -> tuple[Rule, ...]:
        """The rules that hold for a call: what was given to the agent is not outside."""
        if not self._given(call, real):
            return self.rules
        return tuple(rule for rule in self.rules if rule.kind is not Kind.OUTSIDE)

    def _given(self, call: Call, real: Path | None) -> bool:
        wall = self.confinement
        reading = wall.readable if call.tool in paths.READING else ()
        return self._lies_in(call, real, (*wall.writable, *reading))

    def ordinary(self, call: Call, real: Path | None) -> bool:
        """Whether the CLI would have allowed a call by itself, were its tool not locked."""
        if call.tool not in self.locked:
            return False
        if call.tool == "Bash":
            return self.shell
        if call.tool == "WebFetch":
            return self.reaches(call)
        return self._given(call, real) or self._lies_in(call, real, (self.workspace,))

    def reaches(self, call: Call) -> bool:
        """Whether a WebFetch goes to a domain that may be reached."""
        return reachable(str(call.given.get("url", "")), self.confinement.network)

    def refusal(self, call: Call, real: Path | None) -> str:
        """Why nobody can allow a call; "" where it is not about hidden files.

        The CLI's own denials keep those inside the workspace.
        """
        if call.tool not in paths.FILES:
            return ""
        target = paths.target(call.tool, call.given, self.workspace)
        places = [place for place in (target, real) if place is not None]
        below = call.tool in paths.SEARCHING
        return HIDDEN if any(self._hides(place, below=below) for place in places) else ""

    def _hides(self, place: Path, *, below: bool) -> bool:
        """Whether a place is hidden, or with `below` something in it, seen from outside."""
        wall = self.confinement
        own = (self.workspace, *wall.readable, *wall.writable)
        inner = max((len(path.parts) for path in own if place.is_relative_to(path)), default=0)
        outer = [len(path.parts) for path in wall.hidden if place.is_relative_to(path)]
        if any(depth > inner for depth in outer):
            return True
        return below and not inner and any(path.is_relative_to(place) for path in wall.hidden)

    def _lies_in(self, call: Call, real: Path | None, folders: tuple[Path, ...]) -> bool:
        target = paths.target(call.tool, call.given, self.workspace)
        if call.tool not in paths.FILES or target is None:
            return False
        return all(
            any(place.is_relative_to(folder) for folder in folders)
            for place in (target, real or target)
        )


def walls(job: Job, *, shell: bool) -> Walls:
    """The walls of a job; raises InvalidRule."""
    rules = tuple(permissions.parse(text) for text in job.ask)
    return Walls(job.workspace, job.confinement, rules, shell)


def _tools(rule: Rule) -> Iterator[str]:
    """The names under which the CLI knows what a rule is about."""
    match rule.kind:
        case Kind.OUTSIDE:
            return  # the CLI never allows it by itself
        case Kind.PREFIX | Kind.COMMAND:
            yield "Bash"
        case _ if rule.tool in paths.WRITING:
            yield from WRITING
        case _ if rule.tool in paths.READING:
            yield from READING
        case _ if rule.tool in {"PowerShell", "Monitor"}:
            yield "Bash"
        case _:
            yield rule.tool.removesuffix("__*")
