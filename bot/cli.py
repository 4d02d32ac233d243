"""The command line of `mab`: starts what is asked for."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from bot import copies, logs, manifest, shell
from bot.demo import Demo, Wanted
from bot.demo import demo as run_demo
from bot.doctor import Installation, examine, render
from bot.policies import Rules
from bot.program import ENDING, Given, Hands
from bot.program import serve as run_program
from bot.secrets import Secrets
from bot.settings import BotSettings
from engine import Database, MabError, Sandbox, armed, make_executor, recipe_schema

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database = typer.Typer(no_args_is_help=True, help="The database.")
app.add_typer(database, name="db")


def main(held: Secrets) -> None:
    """Run the command line; what people did wrong is a sentence, not a traceback."""
    try:
        app(obj=held)
    except MabError as error:
        sys.exit(f"mab: {error}")
    except ValidationError as error:
        sys.exit(f"mab: {_config()} or the environment cannot be used:\n{_problems(error)}")


def _config() -> Path:
    return Path(os.environ.get("MAB_CONFIG", "mab.toml"))


def _problems(error: ValidationError) -> str:
    """Each wrong setting with its name and what is wrong with it."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        unknown = problem["type"] == "extra_forbidden"
        said = "there is no such key" if unknown else problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {name or 'settings'}: {said}")
    return "\n".join(lines)


def _given(held: Secrets, settings: BotSettings | None = None) -> Given:
    """What the program is started with, and logging as it is configured."""
    if settings is None:
        url = held.values.get("DATABASE_URL", "")
        settings = BotSettings(database_url=url) if url else BotSettings()
    logs.configure(settings.log_level, held)
    return Given(settings, held, dict(os.environ), _config())


@app.callback()
def _mab() -> None:
    """Coding agents in Slack threads."""


@app.command()
def demo(
    context: typer.Context,
    repo: Annotated[Path | None, typer.Option(help="Work on this git repository.")] = None,
    *,
    no_key: Annotated[bool, typer.Option("--no-key", help="Use the demo model.")] = False,
    port: Annotated[int, typer.Option(help="Where the page listens; 0: any free port.")] = 0,
) -> None:
    """Try it: a Slack-like page on this machine, with real agents."""
    wanted = Wanted(repo.expanduser().resolve() if repo else None, no_key, port)
    asyncio.run(_demo(context.obj, wanted))


async def _demo(held: Secrets, wanted: Wanted) -> None:
    logs.configure("warning", held)
    async with run_demo(held, _config(), wanted) as running:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        typer.echo(_opening(running))
        await stop.wait()
        typer.echo("\nEnding; what agents have done so far is kept …")
    typer.echo(await running.left.told())


def _opening(running: Demo) -> str:
    return (
        f"Open {running.slack.page_url}\n\n"
        f"{running.model[0].upper()}{running.model[1:]}\n"
        f"Agents work on {running.left.repo}, each on a branch of its own.\n"
        "Ctrl+C ends the demo and says how to remove what it leaves."
    )


@app.command()
def serve(context: typer.Context) -> None:
    """Run bot and worker."""
    _run(context.obj, make_executor, speaks=True)


@app.command()
def bot(context: typer.Context) -> None:
    """Run the bot alone; agents run in `mab worker` on the same database."""
    _run(context.obj, None, speaks=True)


@app.command()
def worker(context: typer.Context) -> None:
    """Run a worker alone."""
    _run(context.obj, make_executor, speaks=False)


def _run(held: Secrets, hands: Hands | None, *, speaks: bool) -> None:
    given = _given(held)
    armed()  # a failpoint that is unknown is said before anything begins
    if speaks:
        given.settings.require_access()
    asyncio.run(run_program(given, hands, speaks=speaks))
    for number in ENDING:  # the interpreter's own end must not turn a good one into another
        signal.signal(number, signal.SIG_IGN)


@app.command(name="list")
def list_agents(context: typer.Context) -> None:
    """List the agents that have not ended."""
    typer.echo(asyncio.run(shell.listing(_given(context.obj).settings)))


@app.command(name="logs")
def show_log(context: typer.Context, agent: int) -> None:
    """Show what an agent did, step by step."""
    typer.echo(asyncio.run(shell.log(_given(context.obj).settings, agent)))


@app.command()
def cancel(context: typer.Context, agent: int) -> None:
    """Stop an agent; its work is kept."""
    typer.echo(asyncio.run(shell.cancel(_given(context.obj).settings, agent)))


@app.command()
def pause(
    context: typer.Context,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Running agents go back into the line.")
    ] = False,
) -> None:
    """Start no more agents until `mab resume`."""
    typer.echo(asyncio.run(shell.pause(_given(context.obj).settings, now=now)))


@app.command()
def resume(context: typer.Context) -> None:
    """Start agents again."""
    typer.echo(asyncio.run(shell.resume(_given(context.obj).settings)))


@app.command()
def doctor(context: typer.Context) -> None:
    """Look at everything that mab needs, and say what to do about what is missing."""
    given = _given(context.obj)
    logs.configure("warning", context.obj)  # what is written is the findings
    findings = asyncio.run(examine(_installation(given)))
    typer.echo(render(findings))
    raise typer.Exit(code=int(any(finding.ok is False for finding in findings)))


def _installation(given: Given) -> Installation:
    settings, looked = given.settings, asyncio.Event()

    async def look() -> str:
        try:
            return await _prepared(settings)
        finally:
            looked.set()

    async def silent() -> list[str]:
        await looked.wait()  # before, there may be no tables yet
        async with shell.ledger(settings) as engine:
            return [f"w{flow} ({why})" for flow, why in await engine.outbox.parked()]

    return Installation(
        home=settings.home,
        repos={name: repo.path or repo.url for name, repo in settings.repos.items()},
        database=look,
        secrets=given.secrets,
        environ=given.environ,
        manifest=manifest.path(),
        slack_url=settings.slack_api_url.rstrip("/") + "/",
        http=settings.http,
        config=given.config,
        rules=Rules(
            settings.access,
            {n: repo.channels for n, repo in settings.repos.items()},
            bool(settings.agent.ask),
        ),
        sandbox_required=settings.agent.sandbox is Sandbox.REQUIRED,
        keep_free=settings.limits.keep_free_gb,
        broker=settings.agent.broker,
        silent=silent,
    )


async def _prepared(settings: BotSettings) -> str:
    """The kind of the database, which has its tables then."""
    db = Database.connect(settings.database)
    try:
        await db.prepare()
        return db.engine.dialect.name
    finally:
        await db.close()


@app.command(name="manifest")
def print_manifest() -> None:
    """Print the manifest for a Slack app."""
    typer.echo(manifest.path().read_text(encoding="utf-8"), nl=False)


@app.command(name="schema")
def print_schema() -> None:
    """Print the JSON schema of workflow files, for editors."""
    typer.echo(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))


@database.command()
def upgrade(context: typer.Context) -> None:
    """Bring the database's tables to this version."""
    typer.echo(asyncio.run(copies.upgrade(_given(context.obj).settings)))


@database.command()
def backup(context: typer.Context, file: Path) -> None:
    """Write a copy of an SQLite database, also while the program runs."""
    typer.echo(asyncio.run(copies.backup(_given(context.obj).settings, file)))


@database.command()
def restored(context: typer.Context) -> None:
    """Say that a copy was put back; before any program is started on it."""
    typer.echo(asyncio.run(copies.restored(_given(context.obj).settings)))
