"""What is masked in the words of agents, and what is not."""

import time

import pytest

from engine.masking import MASK, Mask

DATABASE = "postgresql://mab:p%40ssw0rd-long@db.example.org/mab"
KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
)
KNOWN = Mask.of(["a value of ours", DATABASE, "first-line\nsecond-line", "short", ""])

# made up in the shapes of real ones; put together here so that no scanner takes them for real
SECRETS = [
    "xoxb-" + "123456789012-abcdefABCDEF",
    "xoxe.xoxp-" + "1-Mi0yLTEyMzQ1Njc4",
    "xapp-" + "1-A012-3456789-abcdef0123",
    "sk-ant-" + "api03-abcDEF_123-456xyz",
    "sk-proj-" + "a" * 24 + "_-b",
    "sk-" + "A1b2" * 12,
    "ghp_" + "A1b2C3d4E5" * 3 + "F6g7h8",
    "ghs_" + "x" * 36,
    "github_pat_" + "11ABCDEFG0_" + "a1" * 20,
    "glpat-" + "abcdefghij0123456789",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "IOSFODNN7EXAMPLE",
    "AIza" + "a1" * 17 + "b",
    "ya29." + "a0AfH6SMBx-123456789_abc",
    "npm_" + "a1B2c3" * 6,
    "pypi-" + "AgEIcHlwaS5vcmc" * 4,
    "hf_" + "aB" * 17,
    "dckr_pat_" + "aB1-" * 7,
    "sk_live_" + "a1b2c3d4e5f6g7h8i9",
    "SG." + "a1b2c3d4e5f6g7h8i9j0kl" + "." + "a" * 43,
    "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0In0" + ".abc_def-ghi",
    KEY,
    "a value of ours",
    DATABASE,
    "p@ssw0rd-long",
    "p%40ssw0rd-long",
    "second-line",
]
PARTLY = [
    ("https://ada:pass-word@example.org/x", "https://[secret]@example.org/x"),
    ("redis://:hunter22@cache:6379", "redis://[secret]@cache:6379"),
    ("Authorization: Bearer " + "abc.DEF-123" * 2, "Authorization: Bearer [secret]"),
    ("https://hooks.slack.com/services/" + "T0/B0/" + "a" * 24, "https://hooks.slack.com/services/[secret]"),
    ("aws_secret_access_key = " + "a/+1" * 10, "aws_secret_access_key = [secret]"),
    (f"before\n{KEY}\nafter", "before\n[secret]\nafter"),
]  # fmt: skip
HARMLESS = [
    "short",
    "Set SLACK_BOT_TOKEN=xoxb-… and ANTHROPIC_API_KEY=sk-ant-….",
    "https://example.org/a:b@c and git@github.com:org/repo.git and http://127.0.0.1:8080/x",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b, sha256:" + "ab" * 32,
    "task-" + "a" * 60 + " disk-" + "b" * 40 + " risk_live_" + "c" * 20,
    "AKIA is a prefix; AKIAIOSFODNN7EXAMPLEANDMORE is none of theirs",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "Bearer tokens are short-lived; pypi-mirror, npm_config_cache, hf_hub_download",
    "<https://example.org|label> <@U123ABC> :tada:",
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:12])
@pytest.mark.parametrize(
    "around", ["{}", "key={}", '"{}",', "`{}`\n", "see ({}) there", "TOKEN:{}"]
)
def test_a_secret_is_masked_whole(secret: str, around: str) -> None:
    assert KNOWN.text(around.format(secret)) == around.format(MASK)


@pytest.mark.parametrize(("text", "masked"), PARTLY)
def test_what_is_around_a_secret_stays(text: str, masked: str) -> None:
    assert KNOWN.text(text) == masked


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_stays(text: str) -> None:
    assert KNOWN.text(text) == text


def test_of_half_a_key_everything_behind_its_beginning_is_masked() -> None:
    assert KNOWN.text(f"a\n{KEY[:60]}\nb") == f"a\n{MASK}"


def test_blocks_are_masked_but_not_the_names_in_them() -> None:
    token = SECRETS[0]
    block = {
        "type": "actions",
        "elements": [{"action_id": token, "value": token, "text": {"text": token}, "url": token}],
        "count": 3,
    }
    assert Mask().data(block) == {
        "type": "actions",
        "elements": [{"action_id": token, "value": token, "text": {"text": MASK}, "url": MASK}],
        "count": 3,
    }


def test_text_files_are_masked_and_others_stay_byte_for_byte() -> None:
    token = SECRETS[0].encode()
    assert Mask().content(b"x\r\n" + token + "\nü".encode()) == b"x\r\n[secret]\n\xc3\xbc"
    assert Mask().content(b"\xff\xfe" + token) == b"\xff\xfe" + token


def test_what_is_masked_once_stays_as_it_is() -> None:
    once = KNOWN.text("\n".join(SECRETS + [text for text, _ in PARTLY]))
    assert KNOWN.text(once) == once


def test_a_mask_tells_no_secret_and_a_megabyte_takes_no_time() -> None:
    assert "ours" not in repr(KNOWN)
    hostile = [
        "x" * 2**20,
        "://" + "a:" * 2**19,
        "://a:" * 2**18,
        "eyJ" * 350_000,
        "-----BEGIN " * 90_000,
        "-----BEGIN PRIVATE KEY-----" * 40_000,
        "sk-" * 350_000,
    ]
    began = time.monotonic()
    for text in hostile:
        KNOWN.text(text)
    assert time.monotonic() - began < 10
