"""What the Claude CLI is told before it starts: prompt, tools, permissions, sandbox. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

from claude_agent_sdk import CanUseTool, ClaudeAgentOptions
from claude_agent_sdk.types import SandboxSettings, SessionStore

from engine import claude_launch
from engine.claude_hooks import Moments, hooks
from engine.claude_pending import QUESTION
from engine.claude_walls import READING, WRITING
from engine.executor import Confinement, Job, Sandbox


class Shell(StrEnum):
    """How the agent may use Bash."""

    CONFINED = "confined"
    FREE = "free"
    OFF = "off"


@dataclass(frozen=True)
class Links:
    """What ties a running CLI to the worker."""

    heard: Callable[[str], None]  # gets its standard error
    moments: Moments
    decide: CanUseTool  # what may run of what its rules do not allow
    locked: frozenset[str] = frozenset()  # tools of which its rules must allow nothing
    store: SessionStore | None = None  # where its session is kept
    variables: Mapping[str, str] = field(default_factory=dict)  # beside the job's


# No Agent: a subagent may be given a worktree of its own, where its work would be lost.
# What the CLI gets whatever the job says: the SDK sets these, and none is the worker's.
_SDK_VARIABLES = (
    "CLAUDE_AGENT_SDK_VERSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SDK_READS_SESSION_STATE",
    "CLAUDE_CONFIG_DIR",  # a copy of it where a session is gone on with
    "PWD",
)
_CLI_VARIABLES = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",  # nothing goes on after the last word
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",  # agents share nothing but their repository
    # a line of its own in each request's system prompt, which defeats the provider's prompt cache
    "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    "CLAUDE_CODE_MAX_RETRIES": "2",  # some seconds; the worker's policy takes the long view
}
MAX_LINE = 64 * 2**20  # bytes of a message of the CLI: an answer, or a file that it has read
_MAX_INSTRUCTIONS = 100_000  # bytes; Linux takes no argument of a program beyond 128 KiB
_RULES = """\
You work in a git worktree of your own and nobody is at the keyboard. Decide for yourself what \
you can, and say in your last message what you decided. What you cannot decide you may ask with \
AskUserQuestion: your work then waits for people, perhaps for days.
Some actions wait until people allow them. A denial is final: do not try to reach the same in \
another way.
Do not commit, stash, switch branches or change git's configuration: once you have finished, all \
that you changed in the working directory is committed for you.
A message that comes while you work is from the people you work for: heed it.
Your last message is what people will read. Say in it what you did, how you checked it, and what \
you could not do."""


def shell(job: Job, missing: tuple[str, ...]) -> Shell | None:
    """How Bash may be used where the sandbox lacks these programs; None: not to be started."""
    match job.confinement.sandbox:
        case Sandbox.REQUIRED if missing:
            return None
        case _ if job.reads_only:
            return Shell.OFF
        case Sandbox.OFF:
            return Shell.FREE
        case Sandbox.AUTO | Sandbox.REQUIRED:
            return Shell.OFF if missing else Shell.CONFINED
        case _:
            assert_never(job.confinement.sandbox)


def prompt(job: Job) -> str:
    """The task, and after it what belongs to this agent alone."""
    context = f"\n\n<context>\n{job.context}\n</context>" if job.context else ""
    return job.task + context


def appended(instructions: str) -> str:
    """What follows the CLI's own system prompt.

    It is the same for all agents of a repository, so that the provider's prompt cache serves
    them all.
    """
    if not instructions:
        return _RULES
    text = instructions.encode()[:_MAX_INSTRUCTIONS].decode(errors="ignore")
    cut = "\n(The rest is left out; read the file itself.)" if text != instructions else ""
    return f"{_RULES}\n\nThe instructions of this repository:\n\n{text}{cut}"


def options(job: Job, using: Shell, program: Path, links: Links) -> ClaudeAgentOptions:
    """Everything the CLI is started with; `program` starts it."""
    trusted = job.trusted and not job.reads_only  # hooks and MCP servers may change anything
    return ClaudeAgentOptions(
        cli_path=program,
        cwd=job.workspace,
        env=variables(job, links.variables),
        tools=tools(job, using),
        system_prompt={
            "type": "preset", "preset": "claude_code", "append": appended(job.instructions),
        },
        verbatim_prompts=True,  # `@/etc/passwd` in a task is text, not a file to attach
        permission_mode="default" if job.reads_only else "acceptEdits",
        max_turns=job.max_turns,
        model=job.model or None,
        setting_sources=["project"] if trusted else [],
        strict_mcp_config=not trusted,
        add_dirs=list(job.confinement.writable),
        settings=json.dumps(settings(job, using, links.locked)),
        sandbox=confined(job, links.locked) if using is Shell.CONFINED else None,
        hooks=hooks(links.moments),
        can_use_tool=links.decide,
        stderr=links.heard,
        output_format=_answer(job),
        resume=job.session_id or None,
        session_store=links.store,
        max_buffer_size=MAX_LINE,
        session_store_flush="eager",  # a run that is lost is gone on with where it was
        extra_args={"replay-user-messages": None},  # tells when the model gets what was said
    )  # fmt: skip


def _answer(job: Job) -> dict[str, Any] | None:
    return {"type": "json_schema", "schema": dict(job.schema)} if job.schema else None


def variables(job: Job, more: Mapping[str, str]) -> dict[str, str]:
    """The environment, with what tells the launcher that nothing else may remain."""
    chosen = {**_CLI_VARIABLES, **job.environment, **more}
    return {**chosen, claude_launch.KEEP: ",".join([*chosen, *_SDK_VARIABLES])}


def tools(job: Job, using: Shell) -> list[str]:
    """The tools that exist for the agent at all."""
    if job.reads_only:
        return [*READING, QUESTION]
    bash = () if using is Shell.OFF else ("Bash",)
    asked = any(rule.startswith("WebFetch") for rule in job.ask)
    web = ("WebFetch",) if job.confinement.network or asked else ()
    return [*READING, *WRITING, *bash, *web, QUESTION]


def settings(job: Job, using: Shell, locked: frozenset[str]) -> dict[str, Any]:
    """Permission rules: a hidden path is denied to every tool, whoever allows it.

    A call of a locked tool is never allowed by them: we are asked.
    """
    # Inside the sandbox every command is as harmless as another: none needs a permission.
    bash = [] if using is Shell.OFF or "Bash" in locked else ["Bash"]
    network = () if job.reads_only else job.confinement.network
    web = [f"WebFetch(domain:{domain})" for domain in network]
    read = [f"Read(/{_literal(path)}/**)" for path in job.confinement.readable]
    return {
        "permissions": {
            "allow": [*bash, *web, *read], "deny": [*_denials(job)], "ask": sorted(locked),
        },
        "attribution": {"commit": "", "pr": ""},
        "skipWebFetchPreflight": True,  # the domains were chosen by people
    }  # fmt: skip


def _denials(job: Job) -> Iterator[str]:
    if job.reads_only:
        yield from (*WRITING, "Bash", "WebFetch")
    wall = job.confinement
    own = (job.workspace, *wall.writable, *wall.readable, *wall.private)
    for path in wall.hidden:
        # Above the workspace a denial would shut the agent out of its own files; there it is
        # enough that reading outside the workspace is never allowed.
        if not any(folder.is_relative_to(path) for folder in own):
            for tool in ("Read", "Edit"):
                yield f"{tool}(/{_literal(path)})"
                yield f"{tool}(/{_literal(path)}/**)"


def _literal(path: Path) -> str:
    """A path as a pattern of the permission rules that matches only itself."""
    return re.sub(r"([\\()\[\]{}*?!])", r"\\\1", str(path))


def confined(job: Job, locked: frozenset[str]) -> SandboxSettings:
    """The sandbox of Bash: writes in the workspace only, no network but the listed domains."""
    wall: Confinement = job.confinement
    sandbox: dict[str, Any] = {
        "enabled": True,
        "failIfUnavailable": True,
        "autoAllowBashIfSandboxed": "Bash" not in locked,
        "allowUnsandboxedCommands": False,
        "filesystem": {
            "denyRead": _texts(wall.hidden),
            "allowRead": _texts([job.workspace, *wall.readable, *wall.writable, *wall.private]),
            "allowWrite": _texts(wall.writable),
            # by itself the CLI lets its shell write to the repository that a worktree belongs to
            "denyWrite": _texts(wall.readable),
        },
        "network": {"allowedDomains": list(wall.network)},
    }
    return sandbox  # type: ignore[return-value] # the SDK's type lacks what the CLI knows


def _texts(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths]
