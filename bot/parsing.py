"""From what a person typed to a command, or to a refusal that says what to type. Pure."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Literal

from bot import options, outline, running
from bot.grammar import (
    Audit,
    Cancel,
    Command,
    Diff,
    Graph,
    Help,
    List,
    Logs,
    Pause,
    Plan,
    Ref,
    Refusal,
    Resume,
    Retry,
    Skip,
    Spawn,
    Status,
    Then,
    Verb,
    Whoami,
    Workflow,
)
from bot.messages import refusals
from bot.slack_text import storable
from engine import AgentSpec, InvalidSpec, WorkflowSpec

PREFIX = re.compile(r"\s*/agent(?:\s+|\Z)", re.IGNORECASE)
FIRST = re.compile(r"(\S+)\s*(.*)", re.DOTALL)
ID = re.compile(
    r"(?:agent\s*)?#?\s*(?P<agent>[0-9]{1,18})(?![\w-])[.!]?"
    r"|(?:workflow\s*)?w(?P<workflow>[0-9]{1,18})(?:\.(?P<key>[a-z][a-z0-9_-]{0,39}))?(?![\w-])[.!]?",
    re.IGNORECASE,
)
ADVICE = re.compile(
    r"(?:--|[\u2013-\u2015]-?)?with[:=\s]\s*(?P<advice>\S.*)", re.IGNORECASE | re.DOTALL
)
THEN = re.compile(r"then\s*:\s*(?P<task>.*)", re.IGNORECASE | re.DOTALL)
ALIASES = {"stop": Verb.CANCEL}
ABOUT: dict[Verb, Callable[[Ref | None], Command]] = {
    Verb.STATUS: Status,
    Verb.LOGS: Logs,
    Verb.DIFF: Diff,
    Verb.CANCEL: Cancel,
    Verb.RETRY: Retry,
    Verb.SKIP: Skip,
    Verb.AUDIT: Audit,
}

ALONE: dict[Verb, Callable[[], Command]] = {
    Verb.LIST: List,
    Verb.WHOAMI: Whoami,
    Verb.PAUSE: Pause,
    Verb.RESUME: Resume,
}
DASHES = re.compile(r"^[—–]")  # noqa: RUF001 - as phones write them

Default = Literal["spawn", "refuse"]


def parse(text: str, *, default: Default) -> Command | Refusal:
    """Read a command from `text`, in which Slack's markup is already undone (`slack_text.meaning`).

    `default` says what a text is that begins with no verb: "spawn" takes it for a task (a
    mention of the bot), "refuse" asks for a verb (a slash command). With "spawn" the agent's
    number may be left out (the id is None). Never raises.
    """
    typed = storable(text)
    words = FIRST.match(PREFIX.sub("", typed, count=1).lstrip())
    if not words:
        return Help()
    verb = _verb(words[1])
    if verb is None:
        return _without_verb(typed, words, default)
    if verb is Verb.GRAPH:
        return _graph(words[2].strip(), typed, default)
    if verb is Verb.WORKFLOW:
        return _workflow(words.string[words.end(1) :], typed, default)
    return _with_verb(verb, words[2].rstrip(), typed, default)


def _verb(word: str) -> Verb | None:
    plain = word.lower().rstrip(":,")
    return ALIASES.get(plain) or (Verb(plain) if plain in set(Verb) else None)


def _without_verb(typed: str, words: re.Match[str], default: Default) -> Command | Refusal:
    text = words[0].rstrip()
    near = _near(words[1])
    if default == "refuse":
        if near:
            reason = refusals.near_verb(words[1], near)
            return Refusal(reason, typed, f"{near} {words[2]}".strip())
        steps = outline.read(text)
        several = isinstance(steps, WorkflowSpec) and len(steps.nodes) > 1
        meant = f"{Verb.WORKFLOW if several else Verb.SPAWN} {text}"
        return Refusal(refusals.unknown_verb(words[1]), typed, meant)
    # "cancle 12" is a slip, not a task that somebody wants to pay for.
    if near in ABOUT and (not words[2].strip() or ID.fullmatch(words[2].strip())):
        return Refusal(refusals.near_verb(words[1], near), typed, f"{near} {words[2]}".strip())
    then = THEN.fullmatch(text)
    return _then(then["task"], typed) if then else _spawn(text, typed)


def _near(word: str) -> Verb | None:
    found = get_close_matches(word.lower()[:40], [*Verb, *ALIASES], n=1, cutoff=0.75)
    return _verb(found[0]) if found else None


def _with_verb(verb: Verb, rest: str, typed: str, default: Default) -> Command | Refusal:
    if verb is Verb.SPAWN:
        return _spawn(rest, typed)
    if verb is Verb.PLAN:
        return _plan(rest, typed)
    command = _read(verb, rest, typed, default)
    # A sentence that happens to begin with a verb is offered as a task, never taken for one.
    prose = len(rest.split()) > 1 and not ID.match(rest)
    if isinstance(command, Refusal) and default == "spawn" and prose:
        return Refusal(command.reason, typed, f"spawn {typed.strip()}")
    return command


def _read(verb: Verb, rest: str, typed: str, default: Default) -> Command | Refusal:
    if verb is Verb.RUN:
        return running.read(rest, typed)
    return _about(verb, rest, typed, default) if verb in ABOUT else _alone(verb, rest, typed)


def _workflow(rest: str, typed: str, default: Default) -> Workflow | Refusal:
    read = outline.read(rest)
    if isinstance(read, WorkflowSpec):
        return Workflow(read)
    prose = default == "spawn" and rest.strip() and read.reason == refusals.no_step()
    return Refusal(read.reason, typed, f"spawn {typed.strip()}" if prose else read.suggestion)


def _about(verb: Verb, rest: str, typed: str, default: Default) -> Command | Refusal:
    if not rest:
        return ABOUT[verb](None) if default == "spawn" else Refusal(refusals.no_id(verb), typed)
    found = ID.match(rest)
    ref = _ref(found) if found else None
    advice = ADVICE.fullmatch(rest[found.end() :].lstrip() if found else rest)
    if verb is Verb.RETRY and advice and (ref or default == "spawn"):
        return Retry(ref, options.unquoted(advice["advice"].strip()))
    if not found or not ref:
        return Refusal(refusals.bad_id(verb, rest), typed)
    if found.end() < len(rest):
        cut = rest[found.end()].isspace()
        named = found[0].rstrip(".!")
        return Refusal(refusals.bad_id(verb, rest), typed, f"{verb} {named}" if cut else "")
    return ABOUT[verb](ref)


def _ref(found: re.Match[str]) -> Ref | None:
    """What an ID names; there is no agent 0."""
    ref = Ref(int(found["agent"] or 0), int(found["workflow"] or 0), (found["key"] or "").lower())
    return ref if ref.agent or ref.workflow else None


def _graph(rest: str, typed: str, default: Default) -> Graph | Refusal:
    found = ID.fullmatch(rest)
    ref = _ref(found) if found else None
    if ref and ref.workflow and not ref.key:
        return Graph(ref.workflow)
    if not rest and default == "spawn":
        return Graph()
    prose = default == "spawn" and len(rest.split()) > 1
    return Refusal(refusals.no_workflow(), typed, f"spawn {typed.strip()}" if prose else "")


def begins_with_verb(text: str) -> bool:
    """Whether a text begins with the verb of a command."""
    words = FIRST.match(PREFIX.sub("", text, count=1).lstrip())
    return words is not None and _verb(words[1]) is not None


def _alone(verb: Verb, rest: str, typed: str) -> Command | Refusal:
    if verb is Verb.HELP:
        return _help(rest, typed)
    if verb is Verb.PAUSE and DASHES.sub("--", rest).lower() in {"--now", "now"}:
        return Pause(now=True)
    if rest:
        return Refusal(refusals.too_much(verb, rest), typed, verb)
    return ALONE[verb]()


def _help(topic: str, typed: str) -> Help | Refusal:
    if not topic:
        return Help()
    verb = _verb(topic.removeprefix("/"))
    return Help(verb) if verb else Refusal(refusals.unknown_topic(topic, Verb), typed, "help")


def _spawn(text: str, typed: str) -> Spawn | Refusal:
    given = options.read(text)
    if isinstance(given, options.Fault):
        return Refusal(given.reason, typed, f"spawn {given.repaired}" if given.repaired else "")
    named = ID.fullmatch(str(given.values.pop("parent", "")))
    spec = _task(given, refusals.no_task(), typed)
    return spec if isinstance(spec, Refusal) else Spawn(spec, _ref(named) if named else None)


def _then(text: str, typed: str) -> Then | Refusal:
    given = options.read(text, options.OF_THEN)
    if isinstance(given, options.Fault):
        return Refusal(given.reason, typed, f"then: {given.repaired}" if given.repaired else "")
    spec = _task(given, refusals.no_task(), typed)
    return spec if isinstance(spec, Refusal) else Then(spec)


def _plan(text: str, typed: str) -> Plan | Refusal:
    given = options.read(text, options.OF_PLAN)
    if isinstance(given, options.Fault):
        return Refusal(given.reason, typed, f"plan {given.repaired}" if given.repaired else "")
    goal = _task(given, refusals.no_goal(), typed)
    return goal if isinstance(goal, Refusal) else Plan(goal)


def _task(given: options.Options, missing: str, typed: str) -> AgentSpec | Refusal:
    task = options.unquoted(given.rest.strip())
    if not task.strip():
        return Refusal(missing, typed)
    values: dict[str, Any] = given.values  # each value has the type of its field
    try:
        return AgentSpec(task=task, **values)
    except InvalidSpec as error:
        return Refusal(refusals.bad_task(error.detail), typed)
