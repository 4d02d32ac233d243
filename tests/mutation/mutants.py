"""The guards, each with the change that takes it away and the tests that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A program without one of its guards."""

    guard: str  # in a word or two
    file: str  # from the top of the project
    text: str  # stands exactly once in the file
    instead: str
    tests: tuple[str, ...]  # node ids; each must fail

    @property
    def needs_postgresql(self) -> bool:
        """Whether one of the tests needs a server."""
        return any("[postgresql" in test for test in self.tests)


OWNER = "tests/ledger/test_one_owner.py::test_"
FENCING = "tests/ledger/test_fencing.py::test_"
RESTORATION = "tests/ledger/test_restoration.py::test_"
CLOCK = "tests/worker/test_clock.py::test_"
GRAPH = "tests/ledger/test_graph.py::test_"
ACCESS = "tests/tables/test_access.py::test_"
PROCESSES = "tests/edges/test_processes.py::test_"
FENCE = "Run.worker == self.worker,\n            Run.ended_at.is_(None),\n        )\n        held"

MUTANTS = (
    Mutant(
        "attempt-guard",
        "engine/leases.py",
        f"            Run.attempt == claim.attempt,\n            {FENCE}",
        f"            {FENCE}",
        (f"{OWNER}a_word_of_an_earlier_attempt_is_refused_to_the_worker_of_the_later_one[sqlite]",),
    ),
    Mutant(
        "lease-guard",
        "engine/leases.py",
        FENCE,
        FENCE.removeprefix("Run.worker == self.worker,\n            "),
        (f"{OWNER}between_take_over_and_its_end_only_the_new_owner_is_heard[sqlite]",),
    ),
    Mutant(
        "ended-run-guard",
        "engine/leases.py",
        FENCE,
        FENCE.replace("            Run.ended_at.is_(None),\n", ""),
        (f"{OWNER}nothing_is_said_about_a_run_that_has_ended[sqlite]",),
    ),
    Mutant(
        "lease-of-the-living",
        "engine/leases.py",
        "            Run.lease_until < now(),\n",
        "",
        (f"{FENCING}a_live_lease_is_not_taken_over[sqlite]",),
    ),
    Mutant(
        "skip-locked",
        "engine/leases.py",
        '.with_for_update(skip_locked=True)\n        .cte("first")',
        '.with_for_update()\n        .cte("first")',
        (f"{OWNER}who_claims_passes_over_what_another_is_about_to_take[postgresql]",),
    ),
    Mutant(
        "inbox-key",
        "engine/commands.py",
        ".insert(model).on_conflict_do_nothing()",
        ".insert(model).prefix_with('OR REPLACE', dialect='sqlite')",
        ("tests/ledger/test_connections.py::test_the_inbox_knows_what_it_has[sqlite]",),
    ),
    Mutant(
        "command-settled-once",
        "engine/commands.py",
        "update(Command).where(Command.key == key, Command.done_at.is_(None))",
        "update(Command).where(Command.key == key)",
        (f"{OWNER}a_command_has_its_effect_once[sqlite]",),
    ),
    Mutant(
        "metadata-look-up",
        "bot/teller.py",
        "if not ts and undelivered.sending_at is not None:",
        "if not ts and undelivered.sending_at is not None and not delivery.notices:",
        (
            "tests/conversations/test_delivery.py::test_a_crash_between_post_and_record_repeats_nothing[sqlite]",
        ),
    ),
    Mutant(
        "thread-lease",
        "engine/outbox.py",
        "                or_(Workflow.deliver_until.is_(None), Workflow.deliver_until < now()),\n"
        "            )\n            .values(",
        "            )\n            .values(",
        (f"{OWNER}a_thread_is_spoken_in_by_one[sqlite]",),
    ),
    Mutant(
        "thread-fence",
        "engine/outbox.py",
        "Workflow.id == delivery.workflow_id, Workflow.delivery_no == delivery.number",
        "Workflow.id == delivery.workflow_id",
        (f"{OWNER}who_was_replaced_in_a_thread_records_nothing_there[sqlite]",),
    ),
    Mutant(
        "approve-what-was-shown",
        "engine/decisions.py",
        "row.status is InquiryStatus.OPEN and row.revision == click.revision",
        "row.status is InquiryStatus.OPEN",
        (f"{GRAPH}an_edited_plan_is_asked_anew_and_the_old_one_cannot_be_started[sqlite]",),
    ),
    Mutant(
        "decided-once",
        "engine/decisions.py",
        "row.status is InquiryStatus.OPEN and row.revision == click.revision",
        "row.revision == click.revision",
        (f"{GRAPH}who_comes_too_late_is_told_who_decided_what[sqlite]",),
    ),
    Mutant(
        "expiry",
        "engine/decisions.py",
        "if not in_time:",
        "if not in_time and not row.id:",
        (f"{GRAPH}an_answer_in_the_instant_of_expiry_is_too_late[sqlite]",),
    ),
    Mutant(
        "self-approval",
        "bot/access.py",
        "if owner and actor.id == owner and not _decides_own(action, access):",
        "if owner and actor.id == owner and not access:",
        (f"{ACCESS}who_could_decide_leaves_out_who_asked",),
    ),
    Mutant(
        "purse",
        "engine/purses.py",
        "return self.budget - self.spent - self.reserved",
        "return self.budget - self.spent",
        (
            "tests/ledger/test_budgets.py::test_many_at_once_never_set_aside_more_than_there_is[sqlite]",
        ),
    ),
    Mutant(
        "root-start-time",
        "engine/processes.py",
        "entry.pid == tree.pid and abs(entry.started - tree.pid_started) < _SLACK",
        "entry.pid == tree.pid",
        (f"{PROCESSES}a_reused_pid_is_left_alone",),
    ),
    Mutant(
        "host-identity",
        "engine/processes.py",
        "    if tree.host != host_identity():\n        return set()\n",
        "",
        (f"{PROCESSES}pids_of_another_host_are_left_alone",),
    ),
    Mutant(
        "marker",
        "engine/processes.py",
        "environment(entry.pid).get(MARKER) == tree.marker",
        "environment(entry.pid).get(MARKER, '')[:8] == tree.marker[:8]",
        (f"{PROCESSES}siblings_and_other_runs_survive",),
    ),
    Mutant(
        "compare-and-swap",
        "engine/git.py",
        '"-m", "mab", ref, new, old)',
        '"-m", "mab", ref, new)',
        (
            "tests/worker/test_git_situations.py::test_a_branch_that_exists_already_is_left_alone[sqlite]",
        ),
    ),
    Mutant(
        "masked-call",
        "engine/claude_permission.py",
        "return UNMASKED.text(shown) != shown",
        "return not shown",
        ("tests/edges/test_permission.py::test_what_would_be_masked_is_not_put_to_people",),
    ),
    Mutant(
        "masking",
        "engine/masking.py",
        "known = self._known.sub(MASK, text) if self._known else text",
        "known = text",
        ("tests/tables/test_masking.py::test_a_secret_is_masked_whole",),
    ),
    Mutant(
        "look-up-after-a-restore",
        "engine/restoration.py",
        "undelivered.values(sending_at=now())",
        "undelivered.values(tries=0)",
        (f"{RESTORATION}what_is_to_be_told_is_looked_for_first[sqlite]",),
    ),
    Mutant(
        "numbers-after-a-restore",
        "engine/restoration.py",
        "return int(highest + max(highest, least))",
        "return int(highest + 1)",
        (f"{RESTORATION}no_number_is_given_again[sqlite]",),
    ),
    Mutant(
        "owners-after-a-restore",
        "engine/restoration.py",
        "lost.values(worker=NOBODY, lease_until=now(-1))",
        "lost.values(lease_until=now(-1))",
        (f"{RESTORATION}a_run_belongs_to_nobody_and_is_gone_on_with[sqlite]",),
    ),
    Mutant(
        "clock-set-back",
        "engine/setback.py",
        "_at_most(Run.lease_until, lease).where(live),",
        "",
        (f"{CLOCK}back_a_dead_worker_of_another_host_is_believed_for_a_lease_only[sqlite]",),
    ),
)
