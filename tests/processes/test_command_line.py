"""What the command line says when something is missing or wrong: sentences, no tracebacks."""

import pytest

from tests.processes.conftest import Installation

AWAY = "127.0.0.1:9"  # nobody listens there
PASSWORD = "hush-hush-hush"
LOST = f"postgresql://mab:{PASSWORD}@{AWAY}/mab"

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


async def refusal(mab: Installation, *command: str, **environ: str) -> str:
    """What a program says that does not even begin."""
    program = await mab.starts(*command, **environ)
    assert await program.ended() == 1
    said = program.said()
    assert "Traceback" not in said
    assert PASSWORD not in said
    return said


async def test_serve_begins_only_for_people_who_are_named(mab: Installation) -> None:
    mab.config.write_text(f'[repos.shop]\npath = "{mab.shop}"\n')
    said = await refusal(mab, "serve")
    assert 'admin = ["' in said
    assert 'spawn = ["*"]' in said
    assert "/agent whoami" in said


async def test_a_token_that_is_missing_is_named(mab: Installation) -> None:
    assert "SLACK_APP_TOKEN is not set" in await refusal(mab, "serve", SLACK_APP_TOKEN="")


async def test_what_is_wrong_in_the_configuration_is_named(mab: Installation) -> None:
    mab.configure(more="lease_secs = 3\n")
    said = await refusal(mab, "serve", MAB_HTTP="nowhere", MAB_LOG_LEVEL="loud")
    for name in ("poll.lease_secs", "MAB_HTTP=nowhere", "log_level"):
        assert name in said
    mab.config.write_text("[repos\n")
    assert f"{mab.config} cannot be read" in await refusal(mab, "serve")


async def test_a_database_that_is_away_is_a_sentence(mab: Installation) -> None:
    assert "the database cannot be used" in await refusal(mab, "serve", DATABASE_URL=LOST)


async def test_the_doctor_finds_everything_in_order(mab: Installation) -> None:
    await mab.plays()
    doctor = await mab.starts("doctor")
    assert await doctor.ended() == 0, doctor.said()
    lines = doctor.said().splitlines()
    for what in ("Git", "Claude CLI", "Repository shop", "Slack bot token", "Slack app token"):
        assert any(line.startswith(f"✓ {what}: ") for line in lines), (what, lines)
    assert "✗" not in doctor.said()


async def test_the_doctor_sees_what_is_down_and_everything_else(mab: Installation) -> None:
    url = f"http://{AWAY}/api/"
    said = await refusal(mab, "doctor", DATABASE_URL=LOST, SLACK_API_URL=url)
    marks = {line.split(":")[0] for line in said.splitlines() if line[:1] in "✓✗!"}
    down = {"✗ Database", "✗ Slack bot token", "✗ Slack app token"}
    assert down | {"✓ Git", "✓ Repository shop"} <= marks
    assert len([mark for mark in marks if mark.startswith("✗")]) == len(down)
