"""Secrets reach the program, and nothing that an agent could look at."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.logs import configure
from bot.secrets import BadSecret, Redaction, Secrets, git_environment, redact, take
from engine.environment import cleaned, model_environment

TOKEN = "xoxb-1234-the-token"
DATABASE = "postgresql://mab:p%40ssw0rd-long@db.example.org/mab"
# tells what it knows in its second life, then does as its first argument says
PROGRAM = """
import json, os, signal, sys
from bot.secrets import take
pid = os.getpid()
secrets = take(os.environ)
own = dict(secrets.values)
print(json.dumps({"pid": pid, "argv": sys.argv, "values": own, "environ": dict(os.environ),
                  "repr": repr(secrets), "open": os.listdir("/dev/fd")}), flush=True)
match sys.argv[1]:
    case "exit":
        sys.exit(int(sys.argv[2]))
    case "echo":
        print(sys.stdin.readline(), end="", flush=True)
    case "wait":
        signal.pause()
    case "child":
        sys.exit(os.system("env | grep -c -e the-token -e p%40ss"))
"""


class Launched:
    """The program as a person or an init system starts it."""

    def __init__(self, program: Path, *arguments: str, **environment: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-X", "utf8", str(program), *arguments],
            env={"PATH": os.environ["PATH"], "KEPT": "yes", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def told(self) -> dict[str, object]:
        assert self.popen.stdout
        told = json.loads(self.popen.stdout.readline())
        assert isinstance(told, dict)
        return told


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "a program.py"
    file.write_text(PROGRAM)
    return file


@pytest.fixture
def waiting(program: Path) -> Iterator[Launched]:
    launched = Launched(program, "wait", SLACK_BOT_TOKEN=TOKEN, DATABASE_URL=DATABASE)
    with launched.popen:
        yield launched
        launched.popen.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_proc_shows_no_secret_and_the_program_knows_it(waiting: Launched) -> None:
    told = waiting.told()
    shown = Path(f"/proc/{waiting.popen.pid}/environ").read_bytes()
    assert b"KEPT=yes" in shown
    assert b"the-token" not in shown
    assert b"p%40ss" not in shown
    assert b"the-token" not in Path(f"/proc/{waiting.popen.pid}/cmdline").read_bytes()
    assert told["values"] == {"SLACK_BOT_TOKEN": TOKEN, "DATABASE_URL": DATABASE}


def test_the_environment_is_left_without_secrets(waiting: Launched) -> None:
    environ = waiting.told()["environ"]
    assert isinstance(environ, dict)
    assert environ["KEPT"] == "yes"
    assert {"SLACK_BOT_TOKEN", "DATABASE_URL", "MAB_SECRETS_FD"}.isdisjoint(environ)


def test_the_process_stays_the_same_and_sigterm_reaches_it(waiting: Launched) -> None:
    assert waiting.told()["pid"] == waiting.popen.pid
    waiting.popen.terminate()
    assert waiting.popen.wait(timeout=60) == -signal.SIGTERM


def test_the_pipe_is_closed_once_it_is_read(program: Path) -> None:
    with (
        Launched(program, "exit", "0").popen as plain,
        Launched(program, "exit", "0", GH_TOKEN=TOKEN).popen as handed,
    ):
        assert plain.stdout
        assert handed.stdout
        without, given = json.loads(plain.stdout.readline()), json.loads(handed.stdout.readline())
    assert len(given["open"]) == len(without["open"])
    assert given["values"] == {"GH_TOKEN": TOKEN}


def test_arguments_and_exit_code_are_kept(program: Path) -> None:
    launched = Launched(program, "exit", "7", "a b", "", "ü", SLACK_APP_TOKEN=TOKEN)
    with launched.popen:
        assert launched.told()["argv"] == [str(program), "exit", "7", "a b", "", "ü"]
    assert launched.popen.returncode == 7


def test_standard_input_is_kept(program: Path) -> None:
    launched = Launched(program, "echo", SLACK_APP_TOKEN=TOKEN)
    output, _ = launched.popen.communicate("hello\n", timeout=60)
    assert output.splitlines()[-1] == "hello"


def test_a_child_inherits_none(program: Path) -> None:
    launched = Launched(program, "child", SLACK_BOT_TOKEN=TOKEN, DATABASE_URL=DATABASE)
    output, _ = launched.popen.communicate(timeout=60)
    assert output.splitlines()[-1] == "0"


def test_a_module_is_started_over_as_a_module(tmp_path: Path) -> None:
    package = tmp_path / "thing"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "-m", "thing", "exit", "3"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "sk-ant-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (3, "")
    assert json.loads(ran.stdout)["values"] == {"ANTHROPIC_API_KEY": "sk-ant-1"}


def test_values_of_any_shape_survive(program: Path) -> None:
    value = "a=b\nsecond line\t'\"ü"
    launched = Launched(program, "exit", "0", DEPLOY_PRIVATE_KEY=value, MY_API_KEY="x")
    with launched.popen:
        assert launched.told()["values"] == {"DEPLOY_PRIVATE_KEY": value, "MY_API_KEY": "x"}


def test_more_than_a_pipe_holds_is_refused_and_does_not_hang(program: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(program), "exit", "0"],
        env={"PATH": os.environ["PATH"], "A_TOKEN": "x" * 60_000, "B_TOKEN": "y" * 60_000},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "give them as files" in ran.stderr
    assert "xxxx" not in ran.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "redis://:hidden-word@cache.example.org"),
        ("SMTP_PASSWORD", "hidden"),
        ("SENTRY_DSN", "hidden"),
        ("npm_token", "hidden"),
        ("SOME_APIKEY", "hidden"),
    ],
)
def test_what_is_like_a_secret_is_taken_too(program: Path, name: str, value: str) -> None:
    launched = Launched(program, "exit", "0", **{name: value})
    with launched.popen:
        told = launched.told()
    assert told["values"] == {name: value}


def test_ordinary_settings_stay() -> None:
    environ = {
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
        "ANTHROPIC_BASE_URL": "https://model.example.org",
        "HTTPS_PROXY": "http://user:word@proxy.example.org",
        "AWS_REGION": "eu-central-1",
        "MAX_TOKENS": "100",
        "SLACK_BOT_TOKEN": "",
    }
    before = dict(environ)
    assert take(environ).values == {}
    assert environ == before


def test_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    environ = {"SLACK_BOT_TOKEN_FILE": str(file), "AWS_WEB_IDENTITY_TOKEN_FILE": "/elsewhere"}
    secrets = take(environ)
    assert secrets.values == {"SLACK_BOT_TOKEN": TOKEN}
    assert secrets.files == (file,)
    assert environ == {"AWS_WEB_IDENTITY_TOKEN_FILE": "/elsewhere"}


def test_files_are_read_in_the_second_life_too(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    launched = Launched(program, "exit", "0", SLACK_BOT_TOKEN_FILE=str(file), GH_TOKEN="abc")
    with launched.popen:
        assert launched.told()["values"] == {"GH_TOKEN": "abc", "SLACK_BOT_TOKEN": TOKEN}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty or too long"),
        (b"x" * 70_000, "is empty or too long"),
        (b"\xff\xfe", "cannot be read: it is not text"),
    ],
)
def test_an_unusable_file_is_named(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSecret, match=sentence):
        take({"SLACK_BOT_TOKEN_FILE": str(file)})


def test_a_value_and_a_file_for_the_same_are_refused() -> None:
    environ = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_BOT_TOKEN_FILE": "/somewhere"}
    with pytest.raises(BadSecret, match="unset one of them") as refused:
        take(environ)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("descriptor", ["nonsense", "-1", "99999"])
def test_a_made_up_pipe_is_refused(descriptor: str) -> None:
    with pytest.raises(BadSecret, match="unset it"):
        take({"MAB_SECRETS_FD": descriptor})


def test_repr_and_str_tell_nothing(waiting: Launched) -> None:
    shown = waiting.told()["repr"]
    assert shown == "Secrets(files=())"
    assert TOKEN not in str(Secrets({"SLACK_BOT_TOKEN": TOKEN}))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"token={TOKEN}!", "token=[secret]!"),
        (f"{TOKEN}{TOKEN}", "[secret][secret]"),
        (f"{TOKEN}-and-more", "[secret]"),
        ("password p@ssw0rd-long refused", "password [secret] refused"),
        ("p%40ssw0rd-long", "[secret]"),
        ("a short one", "a short one"),
        ("line two of key", "[secret]"),
        ("", ""),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    secrets = Secrets(
        {
            "SLACK_BOT_TOKEN": TOKEN,
            "LONGER_TOKEN": f"{TOKEN}-and-more",
            "DATABASE_URL": DATABASE,
            "TINY_TOKEN": "short",
            "A_PRIVATE_KEY": "line one of key\nline two of key\n",
        }
    )
    assert redact(text, secrets) == masked


def test_nothing_is_masked_without_secrets() -> None:
    assert redact("anything at all", Secrets({})) == "anything at all"


def test_log_events_are_masked_in_depth() -> None:
    event = {
        "event": f"got {TOKEN}",
        "error": ValueError(TOKEN),
        "nested": {"list": [TOKEN, 1, None, (TOKEN,)]},
        "agent": 12,
    }
    assert Redaction(Secrets({"T": TOKEN}))(None, "info", event) == {
        "event": "got [secret]",
        "error": "ValueError('[secret]')",
        "nested": {"list": ["[secret]", 1, None, ["[secret]"]]},
        "agent": 12,
    }


def test_agents_get_only_what_is_named() -> None:
    environ = {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/home/person",
        "SLACK_BOT_TOKEN": TOKEN,
        "ANTHROPIC_API_KEY": "key",
        "AWS_SECRET_ACCESS_KEY": "key",
        "SSH_AUTH_SOCK": "/run/agent",
        "CLAUDE_CONFIG_DIR": "/home/person/.claude",
        "XDG_CONFIG_HOME": "/home/person/.config",
        "LD_PRELOAD": "x",
        "NEWLY_INVENTED": "x",
    }
    assert cleaned(environ, Path("/private")) == {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/private",
        "CLAUDE_CONFIG_DIR": "/private/.claude",
    }


@pytest.mark.parametrize(
    ("switches", "passed"),
    [
        ({}, set()),
        ({"CLAUDE_CODE_USE_BEDROCK": "0"}, {"CLAUDE_CODE_USE_BEDROCK"}),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, {"CLAUDE_CODE_USE_BEDROCK", "AWS_REGION"}),
        ({"CLAUDE_CODE_USE_VERTEX": "true"}, {"CLAUDE_CODE_USE_VERTEX", "GOOGLE_CLOUD_PROJECT"}),
    ],
)
def test_the_model_gets_its_own_credentials_only(
    switches: dict[str, str], passed: set[str]
) -> None:
    values = {
        "ANTHROPIC_API_KEY": "key",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "AWS_REGION": "x",
        "GOOGLE_CLOUD_PROJECT": "x",
        "SLACK_BOT_TOKEN": TOKEN,
        "DATABASE_URL": DATABASE,
        "GH_TOKEN": "x",
        **switches,
    }
    assert model_environment(values).keys() == passed | {"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"}


def test_git_gets_what_is_nobody_elses() -> None:
    values = dict.fromkeys(
        ("SLACK_APP_TOKEN", "DATABASE_URL", "ANTHROPIC_API_KEY", "GH_TOKEN", "FORGE_PASSWORD"), "x"
    )
    assert git_environment(values) == {"GH_TOKEN": "x", "FORGE_PASSWORD": "x"}


LOGGING = """
import asyncio, logging, sys, warnings
import structlog
from bot.logs import configure
from bot.secrets import Secrets
configure("info", Secrets({"T": "xoxb-1234-the-token"}))
log = structlog.stdlib.get_logger("ours")
async def main():
    with structlog.contextvars.bound_contextvars(agent=12, attempt=2):
        await asyncio.create_task(say())
    log.info("outside")
async def say():
    log.info("began", url="https://xoxb-1234-the-token@host")
    logging.getLogger("slack_bolt").warning("sent %s", "xoxb-1234-the-token")
asyncio.run(main())
log.debug("too fine")
logging.getLogger("apscheduler.executors.default").info("Running job")
warnings.warn("an old thing")
try:
    raise ValueError("xoxb-1234-the-token")
except ValueError:
    log.exception("broke")
"""


def test_logs_are_json_lines_with_ids_and_no_secret() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True, timeout=60
    )
    assert "the-token" not in ran.stderr
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    said = [(line["event"].split("\n")[0], line["level"], line.get("agent")) for line in lines]
    assert [entry for entry in said if "UserWarning" not in entry[0]] == [
        ("began", "info", 12),
        ("sent [secret]", "warning", 12),
        ("outside", "info", None),
        ("broke", "error", None),
    ]
    assert len(said) == 5
    assert lines[0]["url"] == "https://[secret]@host"
    assert (lines[0]["attempt"], lines[0]["logger"], lines[1]["logger"]) == (
        2,
        "ours",
        "slack_bolt",
    )
    assert lines[0]["timestamp"].endswith("Z")
    assert lines[-1]["exception"].endswith("ValueError: [secret]")


def test_an_unknown_log_level_is_refused() -> None:
    with pytest.raises(ValueError, match="use debug, info, warning or error"):
        configure("loud", Secrets({}))
