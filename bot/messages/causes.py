"""Why an agent failed, and what to do next, in words. Pure."""

from dataclasses import dataclass

from engine import Cause


@dataclass(frozen=True)
class Advice:
    """A failure in a few words, as a sentence, and what people can do about it."""

    short: str
    sentence: str
    remedy: str


UNKNOWN = Advice(
    "something went wrong",
    "Something went wrong.",
    "Press Retry; if it happens again, show the message below to whoever runs this bot.",
)
ADVICE = {
    Cause.BAD_KEY: Advice(
        "the model's key was refused",
        "The model refused the key, or there is none.",
        "Whoever runs the worker sets a valid `ANTHROPIC_API_KEY` in its environment "
        "and restarts it; then press Retry.",
    ),
    Cause.RATE_LIMIT: Advice(
        "the model's rate limit was reached",
        "The model's rate limit was reached, also after waiting.",
        "Press Retry in some minutes, or let fewer agents run at once (`[limits] slots`).",
    ),
    Cause.OVERLOADED: Advice(
        "the model is overloaded",
        "The model was overloaded at each attempt.",
        "Press Retry in some minutes.",
    ),
    Cause.CONNECTION: Advice(
        "the connection to the model was lost",
        "The connection to the model was lost at each attempt.",
        "Look at the worker's network (`mab doctor` tries it), then press Retry.",
    ),
    Cause.TIMEOUT: Advice(
        "it ran out of time",
        "It ran out of time and was stopped; what it had done is kept.",
        "Spawn it again with more time, `--timeout 1h`, or give it a smaller task.",
    ),
    Cause.BUDGET: Advice(
        "it ran out of budget",
        "Its budget is used up; what it had done is kept.",
        "Retry gives it its own budget anew; or spawn it again with more, `--budget 10`. A budget "
        "that it shares with others is named below, with its setting.",
    ),
    Cause.TURNS: Advice(
        "it ran out of turns",
        "It took as many turns as it may and was stopped; what it had done is kept.",
        "Give it a smaller task, or raise `[limits] max_turns` in `mab.toml`.",
    ),
    Cause.MODEL: Advice(
        "the model could not be used",
        "The model could not be used: the name may be wrong, or it refused the request.",
        "Spawn it again with another `--model`, or leave the option out.",
    ),
    Cause.CLI_MISSING: Advice(
        "Claude Code is missing",
        "The program Claude Code was not found on the worker's host.",
        "Whoever runs the worker types `mab doctor` there, which says more; then press Retry.",
    ),
    Cause.CLI_CRASHED: Advice(
        "Claude Code crashed",
        "The program Claude Code ended unexpectedly; what the agent had done is kept.",
        "Press Retry; if it happens again, `mab doctor` on the worker's host tells more.",
    ),
    Cause.REPOSITORY: Advice(
        "the repository cannot be used",
        "The repository cannot be used as it is.",
        "Check its path or address, its commits and the `--base` that was given; then press Retry.",
    ),
    Cause.WORKTREE: Advice(
        "the worktree could not be made",
        "Git could not make a worktree for the agent.",
        "The message below says what is in the way; put it right there and press Retry.",
    ),
    Cause.SETUP: Advice(
        "the setup command failed",
        "The repository's setup command failed, so the agent did not begin.",
        "Put the `setup` command of this repository in `mab.toml` right, then press Retry.",
    ),
    Cause.CHECK: Advice(
        "its check failed",
        "The step's check failed; what the agent had done is kept.",
        "Press Retry: the agent sees what the check said. `/agent retry ID --with ADVICE` "
        "tells it more.",
    ),
    Cause.SANDBOX: Advice(
        "there is no sandbox",
        "The sandbox for the agent's commands cannot be used on the worker's host.",
        "Install what the message below names (`mab doctor` checks it), then press Retry.",
    ),
    Cause.DISK: Advice(
        "the disk is full",
        "The disk of the worker is full, or its worktrees take all the room that they may.",
        "Make room there, or raise `[limits] disk_gb`; then press Retry.",
    ),
    Cause.LOST: Advice(
        "its worker was lost",
        "Its worker was lost at each attempt; what could be saved is on the branch.",
        "See that a worker runs (`mab doctor`), then press Retry.",
    ),
    Cause.INTERNAL: Advice(
        "of an error of ours",
        "An error of ours ended it.",
        "Press Retry; if it happens again, show the message below to whoever runs this bot.",
    ),
    Cause.REJECTED: Advice(
        "people rejected it",
        "It was rejected.",
        "Change what was asked for and begin again, or press Retry to have it decided anew.",
    ),
    Cause.EXPIRED: Advice(
        "nobody decided in time",
        "Nobody decided in time, which counts as a no.",
        "Press Retry to ask again; `[access] approve` of `mab.toml` says who is asked.",
    ),
    Cause.CONFLICT: Advice(
        "its start could not be merged",
        "The commits that it should begin with cannot be merged by themselves.",
        "Merge the branches by hand, or press Retry and let an agent resolve the conflict.",
    ),
    Cause.NOT_MERGED: Advice(
        "it did not go into the branch",
        "The branch was not changed; the message below says why.",
        "Do what it says, or press Retry to be asked again.",
    ),
    Cause.PLAN: Advice(
        "it made no usable plan",
        "What it proposed cannot be used as a plan; the message below says why.",
        "Press Retry, or say in the thread what the plan should be like.",
    ),
}


def advice(cause: Cause | None) -> Advice:
    """What to say of a cause."""
    return UNKNOWN if cause is None else ADVICE[cause]
