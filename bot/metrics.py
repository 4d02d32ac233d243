"""What /metrics shows, in Prometheus' form."""

from dataclasses import dataclass, fields

import aiohttp
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from engine import Ears, Figures, Tokens, Usage

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
STANDING = {
    "pending": ("mab_agents_pending", "Agents that wait for a slot"),
    "oldest_pending": ("mab_oldest_pending_seconds", "How long the first of them has waited"),
    "active": ("mab_runs_active", "Runs that somebody owns"),
    "silent": ("mab_runs_silent", "Runs whose worker has not been heard of for a lease"),
    "slots": ("mab_slots", "Slots of all workers that are alive"),
    "inquiries": ("mab_inquiries_open", "Questions that wait for people"),
    "oldest_inquiry": ("mab_oldest_inquiry_seconds", "How long the first of them has waited"),
    "unsettled": ("mab_commands_unsettled", "Commands that nobody has interpreted"),
    "oldest_unsettled": ("mab_oldest_command_seconds", "How long the first of them has waited"),
    "undelivered": ("mab_notices_undelivered", "Notices that have not been told"),
    "oldest_undelivered": ("mab_outbox_age_seconds", "How long the first of them has waited"),
    "parked": ("mab_threads_parked", "Threads in which nothing can be told any more"),
}


@dataclass(frozen=True)
class Metrics:
    """The instruments of one process."""

    registry: CollectorRegistry
    recorded: Histogram
    first_card: Histogram
    slack_calls: Counter
    tokens: Counter
    cost: Counter
    answers: Counter
    held: Histogram
    flowed: Counter
    standing: dict[str, Gauge]

    @classmethod
    def make(cls) -> "Metrics":
        """Instruments on a registry of their own."""
        registry = CollectorRegistry()
        return cls(
            registry,
            Histogram(
                "mab_record_seconds",
                "From a request's arrival to its acknowledgement",
                buckets=SECONDS,
                registry=registry,
            ),
            Histogram(
                "mab_first_card_seconds",
                "From a request to the card in its thread",
                buckets=SECONDS,
                registry=registry,
            ),
            Counter("mab_slack_calls", "Slack calls", ["method", "status"], registry=registry),
            Counter("mab_tokens", "Tokens used", ["repo", "user", "kind"], registry=registry),
            Counter("mab_cost_usd", "US dollars spent", ["repo", "user"], registry=registry),
            Counter("mab_model_answers", "Answers of the model", ["status"], registry=registry),
            Histogram(
                "mab_model_held_seconds",
                "How long requests to the model were held back while it was overrun",
                buckets=SECONDS,
                registry=registry,
            ),
            Counter("mab_model_tokens", "Tokens as they flowed", ["kind"], registry=registry),
            {name: Gauge(*told, registry=registry) for name, told in STANDING.items()},
        )

    def show(self, figures: Figures) -> None:
        """Set the gauges to how the ledger stands."""
        for field in fields(figures):
            self.standing[field.name].set(getattr(figures, field.name))

    def charge(self, repo: str, user: str, usage: Usage) -> None:
        """Count what a run has used."""
        self.tokens.labels(repo, user, "in").inc(usage.tokens_in)
        self.tokens.labels(repo, user, "out").inc(usage.tokens_out)
        self.cost.labels(repo, user).inc(float(usage.cost))

    def ears(self) -> Ears:
        """Counts what goes through the broker."""

        def answered(status: int) -> None:
            self.answers.labels(str(status)).inc()

        def counted(tokens: Tokens) -> None:
            self.flowed.labels("in").inc(max(0, tokens.taken))
            self.flowed.labels("out").inc(max(0, tokens.given))

        return Ears(answered, self.held.observe, counted)

    def trace(self) -> aiohttp.TraceConfig:
        """Counts the calls of an HTTP session by method and status."""
        config = aiohttp.TraceConfig()

        async def ended(
            _: aiohttp.ClientSession, __: object, call: aiohttp.TraceRequestEndParams
        ) -> None:
            self.slack_calls.labels(_method(call.url.path), str(call.response.status)).inc()

        async def failed(
            _: aiohttp.ClientSession, __: object, call: aiohttp.TraceRequestExceptionParams
        ) -> None:
            self.slack_calls.labels(_method(call.url.path), type(call.exception).__name__).inc()

        config.on_request_end.append(ended)
        config.on_request_exception.append(failed)
        return config


def _method(path: str) -> str:
    """The method of a Web API call; other addresses hold secrets and ids, so they are one."""
    head, _, last = path.rpartition("/")
    return last if head.endswith("/api") else "other"
