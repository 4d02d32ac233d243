"""How the program logs: one line an event, with the ids of what it is about, and no secret."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor

from bot.secrets import Redaction, Secrets
from engine import UNMASKED

# libraries that tell of every poll, request or statement when they may
_QUIET = (
    *("apscheduler", "aiohttp.access", "sqlalchemy", "alembic", "asyncio", "aiosqlite"),
    "claude_agent_sdk",
)
# calls it an error whenever the CLI is stopped, which the attempt's outcome tells better
_MUTED = ("claude_agent_sdk._internal.query",)


def configure(level: str, secrets: Secrets) -> None:
    """Send every log, of the libraries as well, to stderr: for a person or as JSON lines.

    `level` is a name of the standard library's ("info"); raises ValueError for any other.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is no log level; use debug, info, warning or error")
    shared = _shared(secrets)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )
    _route(number, shared)


def _shared(secrets: Secrets) -> list[Processor]:
    """What happens to an event before it is written, wherever it comes from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redaction(secrets),
        _without_shapes,
    ]


def _without_shapes(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Mask what looks like a secret, of whomever: agents come upon the keys of others."""
    return {name: UNMASKED.data(value) for name, value in event.items()}


def _route(level: int, shared: list[Processor]) -> None:
    """Make one handler the only one, and send the standard library's logs and warnings there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in _MUTED:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)


def _renderer() -> Processor:
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer(ensure_ascii=False)
