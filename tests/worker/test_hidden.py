"""What a worker hides from every agent, whatever its sandbox is made of."""

import sys
import tempfile
from pathlib import Path

import pytest

from engine.settings import Repo, Settings
from engine.station import Outside, hidden_from_agents

URLS = [
    ("sqlite:///{root}/x/mab.db", ["x/mab.db", "x/mab.db-wal", "x/mab.db-shm"]),
    ("postgresql://mab@/mab?host={root}/sockets", ["sockets"]),
    ("postgresql://mab@/mab?host={root}/a&host={root}/b", ["a", "b"]),
    ("postgresql://mab@db.example.org/mab", []),
]


@pytest.mark.parametrize(("url", "places"), URLS)
def test_the_ledger_is_hidden_wherever_it_is(url: str, places: list[str], tmp_path: Path) -> None:
    hidden = hides(tmp_path, database_url=url.format(root=tmp_path))
    assert [place for place in places if tmp_path / place not in hidden] == []


def test_all_of_the_home_is_hidden_with_keys_configuration_and_temporary_files(
    tmp_path: Path,
) -> None:
    hidden = hides(tmp_path)
    for place in ("home", "mab.toml", "token", "user/.ssh", "user/.git-credentials"):
        assert tmp_path / place in hidden
    assert Path(tempfile.gettempdir()).resolve() in hidden


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell")
def test_the_log_is_hidden_where_it_goes_to_a_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Path("/dev/fd/2").resolve()  # pytest's own, while it captures
    assert (log in hides(tmp_path)) == log.is_file()


def hides(root: Path, **settings: str) -> tuple[Path, ...]:
    made = Settings(home=root / "home", repos={"shop": Repo(path=root / "shop")}, **settings)  # type: ignore[arg-type]
    outside = Outside({}, {}, root / "mab.toml", root / "user", (root / "token",))
    return hidden_from_agents(made, outside)
