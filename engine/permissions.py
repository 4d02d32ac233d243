"""Which tool calls people are asked about: the rules of `[agent] ask`, and what was allowed. Pure.

A rule asks too often rather than too seldom. As soon as there is a rule for Bash, each command is
asked that is not one plain command, or that can run another program in its own words: shells,
wrappers and interpreters, and subcommands that are not known to be harmless. Not promised, since
no text tells it: what `make`, `npm run`, `pytest`, hooks, scripts and other files run, what an
MCP tool does, that a rule for files holds for Bash, and that the same effect cannot be had by
another command.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

from engine import permission_paths as paths
from engine.errors import ConfigError
from engine.permission_shell import carries, equals, mentions, names, plain
from engine.permission_text import canonical, digest, shown, visible

__all__ = ["InvalidRule", "Rule", "allows", "asked", "digest", "parse", "rule_for", "seen", "shown"]

OUTSIDE = "outside-workspace"
MAX_RULE = 500  # characters
_RULE = re.compile(r"(?P<tool>[A-Za-z][\w.-]*(?:__\*)?)(?:\((?P<pattern>.*)\))?", re.ASCII)
_MCP = re.compile(r"mcp__[\w-]+?(?:__(?:\*|[\w.-]+))?", re.ASCII)
_SHELLS = frozenset({"Bash", "PowerShell", "Monitor"})  # what runs commands
_OTHERS = """
    Agent AskUserQuestion CronCreate EnterWorktree ExitWorktree ListMcpResourcesTool LSP
    ReadMcpResourceTool RemoteTrigger SendMessage Skill Task TaskCreate TodoWrite ToolSearch
    WebFetch WebSearch Workflow
"""
TOOLS = paths.FILES | _SHELLS | frozenset(_OTHERS.split())
_HARMLESS = frozenset({"command", "description", "timeout", "run_in_background"})  # keys of Bash


class InvalidRule(ConfigError):
    """A rule of `[agent] ask` could never ask."""


class Kind(StrEnum):
    """What a rule looks at."""

    TOOL = "tool"  # nothing but the tool's name
    PREFIX = "prefix"  # a command's first words
    COMMAND = "command"  # a whole command
    PATH = "path"
    DOMAIN = "domain"
    OUTSIDE = OUTSIDE


@dataclass(frozen=True)
class Rule:
    """What people want to be asked about; `text` is what they wrote."""

    text: str
    kind: Kind
    tool: str = ""
    pattern: str = ""  # of paths, or a domain
    names: tuple[str, ...] = field(default=(), repr=False)  # that a command is recognised by


def parse(text: str) -> Rule:
    """Read a rule; raises InvalidRule with a sentence that says what to write instead."""
    if text == OUTSIDE:
        return Rule(text, Kind.OUTSIDE)
    found = _RULE.fullmatch(text) if len(text) <= MAX_RULE else None
    if not found:
        raise _wrong(text, f"write a tool, a tool with a pattern in brackets, or {OUTSIDE}")
    tool, pattern = found["tool"], found["pattern"]
    if tool not in TOOLS and not _MCP.fullmatch(tool):
        raise _wrong(text, f"there is no tool {tool}{_meant(tool)}")
    if pattern is None or (tool == "Bash" and pattern in {"*", ":*"}):
        return Rule(text, Kind.TOOL, tool)
    return _with_pattern(text, tool, pattern)


def _with_pattern(text: str, tool: str, pattern: str) -> Rule:
    if tool == "Bash":
        return _command(text, pattern)
    if tool == "WebFetch":
        return _domain(text, pattern)
    if tool not in paths.FILES:
        raise _wrong(text, f"{tool} takes no pattern; write {tool} alone")
    if fault := paths.glob_fault(pattern):
        raise _wrong(text, fault)
    return Rule(text, Kind.PATH, tool, pattern)


def _command(text: str, pattern: str) -> Rule:
    begins = pattern.endswith(":*")
    named = names(pattern.removesuffix(":*"))
    if not named:
        hint = "Bash(git push:*) stands for all that begins so, Bash(git push) for this command"
        raise _wrong(text, f"write one plain command without patterns or expansion; {hint}")
    return Rule(text, Kind.PREFIX if begins else Kind.COMMAND, "Bash", names=named)


def _domain(text: str, pattern: str) -> Rule:
    domain = pattern.removeprefix("domain:")
    if domain == pattern or not paths.DOMAIN.fullmatch(domain):
        raise _wrong(text, "write a domain, as in WebFetch(domain:example.org)")
    return Rule(text, Kind.DOMAIN, "WebFetch", domain)


def _meant(tool: str) -> str:
    meant = {known.casefold(): known for known in TOOLS}.get(tool.casefold())
    return f"; write {meant}" if meant else "; those of MCP servers begin with mcp__"


def _wrong(text: str, why: str) -> InvalidRule:
    short = visible(text if len(text) <= MAX_RULE else text[:60] + "…")
    return InvalidRule(f"{short!r} cannot be a rule: {why}")


def asked(
    rules: Iterable[Rule],
    tool: str,
    given: Mapping[str, Any],
    workspace: Path,
    real: Path | None = None,
) -> Rule | None:
    """The first rule because of which people are asked about a tool call; None: it may run.

    `workspace` is the agent's directory with all links resolved, `real` where the path of a file
    tool (`permission_paths.target`) leads when links are followed. Without `real` the path counts
    as it is written.
    """
    call = _Call(tool, given, workspace, real)
    return next((rule for rule in rules if call.meets(rule)), None)


@dataclass(frozen=True)
class _Call:
    tool: str
    given: Mapping[str, Any]
    workspace: Path
    real: Path | None

    def meets(self, rule: Rule) -> bool:
        match rule.kind:
            case Kind.TOOL:
                return self._is_of(rule.tool)
            case Kind.PREFIX | Kind.COMMAND:
                return self.tool in _SHELLS and self._runs(rule)
            case Kind.PATH:
                return self._is_of(rule.tool) and self._touches(rule.pattern)
            case Kind.DOMAIN:
                return self.tool == "WebFetch" and paths.reaches(
                    rule.pattern, paths.host(self.given)
                )
            case Kind.OUTSIDE:
                return self.tool in paths.FILES and self._leaves()
            case _:
                assert_never(rule.kind)

    def _is_of(self, tool: str) -> bool:
        """Whether the call does what the tool does: all that write are one, and all that read."""
        server = tool.removesuffix("*").removesuffix("__") + "__"
        families = (paths.WRITING, paths.READING, _SHELLS)
        same = self.tool == tool or any({tool, self.tool} <= family for family in families)
        return same or (tool.startswith("mcp__") and self.tool.startswith(server))

    def _runs(self, rule: Rule) -> bool:
        words = _plain(self.tool, self.given)
        if words is None or carries(words):
            return True
        whole = rule.kind is Kind.COMMAND
        return equals(words, rule.names) if whole else mentions(words, rule.names)

    def _touches(self, pattern: str) -> bool:
        target = paths.target(self.tool, self.given, self.workspace)
        if target is None:
            return True
        below = self.tool in paths.SEARCHING
        places = (target, self.real or target)
        return any(paths.covers(pattern, place, self.workspace, below=below) for place in places)

    def _leaves(self) -> bool:
        target = paths.target(self.tool, self.given, self.workspace)
        return paths.outside(target, self.real, self.workspace)


def _plain(tool: str, given: Mapping[str, Any]) -> Sequence[str] | None:
    usual = tool == "Bash" and given.keys() <= _HARMLESS
    return plain(given.get("command")) if usual else None


def rule_for(tool: str, given: Mapping[str, Any], workspace: Path) -> str:
    """The rule that "Allow for this agent" adds: a line that holds for such calls alone.

    It is exactly this command, this tool on exactly this path (a place in the workspace counts in
    whatever directory that is later), or exactly this host without what is below it; of every
    other tool exactly this input. It is of use to `allows` alone.
    """
    if tool == "Bash" and given.keys() <= _HARMLESS and isinstance(given.get("command"), str):
        return f"Bash({visible(given['command'])})"
    if tool == "WebFetch" and (host := paths.host(given)):
        return f"WebFetch(domain:{host})"
    if tool in paths.FILES - paths.SEARCHING and (path := paths.named(tool, given, workspace)):
        return f"{tool}({visible(paths.seen(path, workspace))})"
    return visible(f"{tool} {canonical(given)}")


def seen(given: Mapping[str, Any], workspace: Path) -> dict[str, Any]:
    """A tool's input as people are shown it: its paths as seen from the workspace."""
    named = {key: given[key] for key in paths.KEYS if isinstance(given.get(key), str)}
    return {**given, **{key: paths.seen(path, workspace) for key, path in named.items()}}


def allows(
    allowed: Collection[str],
    tool: str,
    given: Mapping[str, Any],
    workspace: Path,
    real: Path | None = None,
) -> bool:
    """Whether one of these rules of `rule_for` permits a call; arguments as of `asked`.

    A path inside the workspace that by now leads out of it is not what was allowed.
    """
    if rule_for(tool, given, workspace) not in allowed:
        return False
    target = paths.target(tool, given, workspace) if tool in paths.FILES else None
    led_out = target is not None and paths.outside(target, real, workspace)
    return not led_out or paths.outside(target, None, workspace)
