"""What the README says is there, and what is there is in the README."""

import asyncio
import json
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

import engine
from bot import outline
from bot.access import Access
from bot.cli import app
from bot.grammar import Verb
from bot.messages import manual
from bot.metrics import Metrics
from bot.options import EXAMPLES
from bot.secrets import NAMED
from bot.settings import START_LINES, BotSettings
from engine import AgentPolicy, Limits, Poll, Repo, WorkflowSpec
from engine.recipes import fill, read
from tests.bench.__main__ import BENCHES
from tests.processes.test_backup import DUMP, EMPTY, READ

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text(encoding="utf-8")
PROGRAMS = ("bot", "engine")
TABLES: dict[str, type[BaseModel]] = {
    "[repos.NAME]": Repo,
    "[access]": Access,
    "[limits]": Limits,
    "[agent]": AgentPolicy,
    "[poll]": Poll,
}
COMMANDS: set[str] = {line.strip() for line in re.findall(r"^ {4}\S.*$", README, re.MULTILINE)}


def rows(after: str) -> list[list[str]]:
    """The cells of the first table after a text, without its head."""
    table = re.search(r"(?:^\|.*\n)+", README[README.index(after) :], re.MULTILINE)
    assert table
    lines: list[str] = table[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def only(part: str) -> str:
    """The one command of the README with this part."""
    found: list[str] = [command for command in COMMANDS if part in command]
    assert len(found) == 1
    return found[0]


def test_two_commands_begin_with_an_environment_of_their_own() -> None:
    demo, tests = only("mab demo"), only("pytest -n")
    for command, place in ((demo, ".venv"), (tests, ".venv-test")):
        pip = f"{place}/bin/pip install -q -c requirements.txt -e "
        assert command.startswith(f"python3 -m venv {place} && {pip}")
    assert demo.endswith(" && .venv/bin/mab demo")


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    script = (TOP / ".ci" / "run").read_text(encoding="utf-8")
    assert "command_with 'pytest -n'" in script
    assert "command_with 'mab demo'" in script
    assert not re.search(r"-m venv", script)


def test_every_pinned_version_is_one_that_the_project_accepts() -> None:
    pinned = (TOP / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in pinned if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+(; .+)?", line) for line in lines)
    known = {_canonical(line.partition("==")[0]) for line in lines}
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["optional-dependencies"]
    wanted = [*project["dependencies"], *groups["test"], *groups["bench"]]
    assert {_canonical(re.split(r"[\[<>=;]", one)[0]) for one in wanted} <= known


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[\[<>=;]", one)[0] for one in project["dependencies"]}
    told = {name for row in rows("**Libraries**") for name in row[0].split(", ")}
    assert told == wanted


def test_every_subcommand_of_mab_is_described() -> None:
    there = _subcommands(typer.main.get_command(app))
    told = {_words(names(row[0])[0]) for row in rows("| On the command line")}
    assert told == there
    for mentioned in re.findall(r"(?:`|/bin/)mab ([a-z]+(?:(?<=db) [a-z]+)?)", README):
        assert mentioned in there


def test_the_commands_of_a_backup_are_those_that_are_tested() -> None:
    told = {line.strip() for line in README.splitlines() if line.startswith("    ")}
    assert {DUMP, EMPTY, READ, "mab db backup mab-backup.db", "mab db restored"} <= told


def _words(usage: str) -> str:
    """`mab db upgrade [--x]` without the program and what may follow."""
    return re.sub(r"(\s+(\[.*|[A-Z]+))+\Z", "", usage.removeprefix("mab "))


def _subcommands(group: Any, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found |= _subcommands(command, f"{prefix}{name} ") if inner else {prefix + name}
    return found


def test_every_verb_of_agent_is_described_as_help_describes_it() -> None:
    told = [names(row[0])[0] for row in rows("| In Slack")]
    assert told == [f"/agent {verb} {manual.USAGE[verb]}".rstrip() for verb in manual.USAGE]
    assert set(manual.USAGE) == set(Verb)
    assert set(re.findall(r"--(\w+)", told[0])) == set(EXAMPLES)


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_the_configuration_is_described(table: str) -> None:
    told = {names(row[0])[0]: names(row[1]) for row in rows(f"**`{table}`**")}
    fields = TABLES[table].model_fields
    assert set(told) == set(fields)
    for key, shown in told.items():
        default = to_jsonable_python(fields[key].default)
        meant = tomllib.loads(f"x = {shown[0]}")["x"] if shown else None
        assert meant == (
            float(default) if isinstance(default, str) and default.isdecimal() else default
        ), key


def test_every_table_of_the_configuration_is_described() -> None:
    tables = {name.strip("[]").partition(".")[0] for name in TABLES}
    assert {name for name in BotSettings.model_fields if name in tables} == tables
    top = re.search(
        r"may stand at the top of `mab.toml` as well:(.*?)\. A table", README, re.DOTALL
    )
    assert top
    assert set(names(top[1])) == set(BotSettings.model_fields) - tables - {"workflows"}
    assert "**`[workflows]`**" in README


def test_every_variable_of_the_environment_is_described() -> None:
    told = {names(row[0])[0]: row[1] for row in rows("**The environment**")}
    settings = {_variable(name) for name in BotSettings.model_fields} - {
        "MAB_REPOS", "MAB_ACCESS", "MAB_LIMITS", "MAB_AGENT", "MAB_POLL", "MAB_WORKFLOWS",
    }  # fmt: skip
    assert settings <= set(told)
    assert set(told) - settings - {"MAB_CONFIG"} <= NAMED
    for name in ("http", "log_level", "slack_api_url"):
        assert names(told[_variable(name)]) == [BotSettings.model_fields[name].default]


def _variable(field: str) -> str:
    return field.upper() if field in {"database_url", "slack_api_url"} else f"MAB_{field.upper()}"


def test_every_variable_that_the_program_reads_is_described() -> None:
    sources = [file.read_text() for top in PROGRAMS for file in (TOP / top).rglob("*.py")]
    read = {name for text in sources for name in re.findall(r"\"(MAB_[A-Z_]+)\"", text)}
    passed_on = {"MAB_SECRETS_FD", "MAB_LAUNCH_KEEP", "MAB_RUN"}  # between our own processes
    assert {name for name in read - passed_on if f"`{name}`" not in README} == set()


def test_the_example_of_the_configuration_can_be_read() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        given = tomllib.loads(block)
        Access(**given["access"])
        assert all(Repo(**repo) for repo in given["repos"].values())
    wanted = tomllib.loads(START_LINES.format(example="U0123ABCD"))["access"]
    assert tomllib.loads(blocks[0])["access"] == wanted


def test_the_example_of_a_workflow_file_can_be_run() -> None:
    [block] = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    spec = fill(read(block, "release.yml"), {"version": "1.4"})
    assert [node.key for node in spec.nodes] == ["notes", "ok", "bump"]


def test_the_example_of_a_workflow_as_text_is_understood() -> None:
    text = only("/agent workflow").removeprefix("/agent workflow ")
    spec = outline.read(text)
    assert isinstance(spec, WorkflowSpec)
    assert [node.key for node in spec.nodes] == ["design", "ok", "implement", "test"]


def test_the_example_of_code_puts_a_plan_to_people(tmp_path: Path) -> None:
    [block] = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    look = "card = await engine.ledger.workflow(1)\nawait engine.db.close()"
    body = block.replace("Settings()", "settings").replace("await engine.db.close()", look)
    body += "return card\n"
    code = f"async def run(settings):\n{textwrap.indent(body, '    ')}"
    names = {**vars(engine)}
    exec(compile(code, "README.md", "exec"), names)
    settings = engine.Settings(home=tmp_path, repos={"shop": Repo(path=tmp_path / "shop")})
    card = asyncio.run(names["run"](settings))
    assert [inquiry.matter.workflow.title for inquiry in card.inquiries] == ["demo"]


def test_the_example_of_a_table_as_json_works(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = re.search(r"`MAB_LIMITS='(\{.*?\})'`", README)
    assert shown
    monkeypatch.setenv("MAB_LIMITS", shown[1])
    assert BotSettings(repos={}).limits.slots == json.loads(shown[1])["slots"]


def test_every_metric_is_described() -> None:
    told = {name for row in rows("| Metric") for name in names(row[0])}
    assert told == {family.name for family in Metrics.make().registry.collect()}


@pytest.mark.parametrize("top", PROGRAMS)
def test_every_module_has_its_place_in_the_map(top: str) -> None:
    told = {name for row in rows("**Modules.**") if row[0] == top for name in names(row[2])}
    paths = [path for path in (TOP / top).iterdir() if not path.name.startswith("_")]
    assert told == {p.stem for p in paths if p.suffix == ".py" or (p / "__init__.py").is_file()}


def test_every_link_within_the_page_leads_somewhere() -> None:
    heads = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def test_the_newest_release_stands_first_in_the_changelog() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    releases = re.findall(r"^### (\S+)", README[README.index("## Changelog") :], re.MULTILINE)
    assert releases[0] == project["version"]
    assert releases == sorted(releases, key=_numbers, reverse=True)


def _numbers(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]


def test_each_bench_has_a_row_and_its_findings() -> None:
    found = json.loads((TOP / "tests/bench/last.json").read_text())
    assert {names(bench)[0] for bench, *_ in rows("## Benchmarks")} == found.keys()
    assert found.keys() == BENCHES.keys()
    assert not [bench for bench, each in found.items() if each["failed"] or not each["rows"]]
