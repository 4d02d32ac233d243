"""Pictures of graphs: where everything goes, and that every text and every state can be drawn."""

import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.drawing import FOOT, HALO, HEADER, MOST, SIDE, draw, draw_plan
from bot.layout import Box, Needs, Stroke, arranged
from bot.messages import Message
from bot.messages.graph import graph, graph_title, label, plan_graph, state_word
from bot.messages.words import units
from engine import (
    AgentSpec,
    Card,
    GateSpec,
    Kind,
    NodeSpec,
    NodeView,
    Origin,
    Person,
    Status,
    WorkflowSpec,
)
from tests.referee.referee import check

LARGEST = 4_000  # pixels
NODE = NodeView(
    id=1,
    workflow_id=5,
    request_id=1,
    origin=Origin("C1", "1.0"),
    requester=Person("U1", "Ada"),
    task="Write the calculator's spec",
    role="",
    repo="demo",
    base="main",
    status=Status.BLOCKED,
    attempt=1,
    failures=0,
    max_failures=3,
    created_at=datetime(2026, 11, 22, 14, 2, tzinfo=UTC),
    key="design",
)
CHAIN: Needs = {str(n): [str(n - 1)] if n else [] for n in range(MOST)}
ABREAST: Needs = {str(n): [] for n in range(MOST)}
COMPLETE: Needs = {str(n): [str(m) for m in range(n)] for n in range(MOST)}
FAN: Needs = {
    "first": [],
    **{str(n): ["first"] for n in range(MOST - 2)},
    "last": [str(n) for n in range(MOST - 2)],
}
LADDER: Needs = {str(n): [str(m) for m in range(max(0, n - 20), n - 1)] for n in range(MOST)}


@st.composite
def graphs(draw_: st.DrawFn) -> Needs:
    """Any graph that a workflow can be."""
    size = draw_(st.integers(1, MOST))
    return {
        str(n): [str(m) for m in sorted(draw_(st.sets(st.integers(0, n - 1), max_size=6)))]
        if n
        else []
        for n in range(size)
    }


def card(*nodes: NodeView, title: str = "calculator") -> Card:
    return Card(5, 1, nodes, title=title)


def nodes_of(needs: Needs, task: str = "Do it") -> list[NodeView]:
    ids = {key: number for number, key in enumerate(needs, 1)}
    return [
        replace(
            NODE, id=ids[key], key=f"k{key}", task=task, needs=tuple(ids[n] for n in needs[key])
        )
        for key in needs
    ]


def opened(png: bytes) -> Image.Image:
    image = Image.open(BytesIO(png))
    image.load()
    return image


def touch(one: Box, other: Box) -> bool:
    beside = one.right <= other.left or other.right <= one.left
    return not (beside or one.bottom <= other.top or other.bottom <= one.top)


def passes_behind(stroke: Stroke, box: Box) -> bool:
    left, right = sorted((stroke.x, stroke.to_x))
    beside = right <= box.left or box.right <= left
    return not (beside or stroke.bottom <= box.top or box.bottom <= stroke.top)


def followed(strokes: tuple[Stroke, ...], boxes: dict[str, Box]) -> dict[str, set[str]]:
    """Which nodes a finger reaches that follows the lines downwards from each node."""
    onward: defaultdict[tuple[float, float], set[tuple[float, float]]] = defaultdict(set)
    for stroke in strokes:
        onward[stroke.x, stroke.top].add((stroke.to_x, stroke.bottom))
    tops = {((box.left + box.right) / 2, box.top): key for key, box in boxes.items()}
    reached: dict[str, set[str]] = {}
    for key, box in boxes.items():
        found: set[str] = set()
        ahead = [((box.left + box.right) / 2, box.bottom)]
        while ahead:
            for point in onward[ahead.pop()]:
                if point in tops:
                    found.add(tops[point])
                else:
                    ahead.append(point)
        reached[key] = found
    return reached


def judge(needs: Needs) -> None:
    layout = arranged(needs)
    boxes = dict(layout.boxes)
    assert set(boxes) == set(needs)
    for box in boxes.values():
        assert 0 <= box.left < box.right <= layout.width
        assert 0 <= box.top < box.bottom <= layout.height
    assert not any(touch(one, other) for one, other in combinations(boxes.values(), 2))
    for key, sources in needs.items():
        assert all(boxes[need].bottom < boxes[key].top for need in sources)
    for stroke in layout.strokes:
        assert stroke.top < stroke.bottom
        assert 0 <= stroke.bend[0] < stroke.bend[1] <= 1
        assert not any(passes_behind(stroke, box) for box in boxes.values())
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for key, sources in needs.items():
        for need in sources:
            wanted[need].add(key)
    assert followed(layout.strokes, boxes) == {key: wanted[key] for key in needs}
    assert layout.width + 2 * SIDE <= LARGEST
    assert layout.height + HEADER + FOOT <= LARGEST


@given(graphs())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_two_nodes_touch_and_the_lines_say_who_needs_whom(needs: Needs) -> None:
    judge(needs)


@pytest.mark.parametrize("needs", [CHAIN, ABREAST, COMPLETE, FAN, LADDER])
def test_the_largest_graphs_are_laid_out_alike(needs: Needs) -> None:
    judge(needs)


def test_few_nodes_side_by_side_stay_in_one_row_and_more_are_broken() -> None:
    three: Needs = {str(n): [] for n in range(3)}
    four: Needs = {str(n): [] for n in range(4)}
    assert len({box.top for box in arranged(three).boxes.values()}) == 1
    assert len({box.top for box in arranged(four).boxes.values()}) == 2


@pytest.mark.parametrize("needs", [CHAIN, ABREAST, COMPLETE, FAN, LADDER])
def test_fifty_nodes_make_a_picture_within_bounds_and_time(needs: Needs) -> None:
    shown = card(*nodes_of(needs, "Translate the module, with all of its many parts, Übung 漢字"))
    begun = time.thread_time()
    png = draw(shown)
    assert time.thread_time() - begun < 5  # a fifth of it on an idle machine
    image = opened(png)
    assert image.format == "PNG"
    assert max(image.size) <= LARGEST
    assert len(png) <= 2**20
    assert draw(shown) == png


TEXTS = (
    *(
        "",
        " ",
        "\n",
        "\x00\x1b[31mred\x07",
        "漢字かな交じり文",
        "👩‍👩‍👧 🎉🏳️‍🌈",
        "مرحبا بالعالم",
        "\u202eevil",
    ),
    *(
        "Z̸̧͖̋a̶l̷g̵o̶" * 40,
        "x" * 30_000,
        "word " * 6_000,
        "\ud83d",
        "a\u2028b",
        "\U0010ffff\ufffe",
        "ẞ ﬁ ñ Ж Ω",
    ),
)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_can_be_drawn(text: str) -> None:
    gate = replace(NODE, id=2, kind=Kind.GATE, key=text, task=text, needs=(1,))
    image = opened(draw(card(replace(NODE, task=text, key=""), gate, title=text)))
    assert image.size == opened(draw(card(NODE, replace(NODE, id=2, needs=(1,))))).size
    long = nodes_of(CHAIN)
    opened(draw(card(*long[:-1], replace(long[-1], key=text, task=text), title=text)))


@given(st.text(max_size=60), st.text(max_size=300))
@settings(max_examples=15, deadline=None)
def test_any_text_at_all_can_be_drawn(key: str, task: str) -> None:
    opened(draw(card(replace(NODE, key=key, task=task), title=task)))


def test_control_characters_leave_no_trace_and_long_texts_are_cut() -> None:
    plain, odd = "stop here now", "stop\x1b[31m here\x07\n now\u202e"
    assert draw(card(replace(NODE, task=odd))) == draw(card(replace(NODE, task=plain)))
    short, long = "word " * 100, "word " * 6_000
    assert draw(card(replace(NODE, task=long))) == draw(card(replace(NODE, task=short)))


def test_every_state_can_be_told_without_colours() -> None:
    drawn = {}
    for kind in Kind:
        for status in Status:
            node = replace(NODE, kind=kind, status=status)
            drawn[kind, status] = opened(draw(card(node))).convert("L").point(_black).tobytes()
    assert len(set(drawn.values())) == len(drawn)
    stopping = replace(NODE, status=Status.ACTIVE, cancelling=True)
    assert draw(card(stopping)) != draw(card(replace(stopping, cancelling=False)))


def _black(value: int) -> int:
    """Only what is dark: the lines and letters."""
    return 255 if value > 160 else 0


def test_the_node_that_waits_for_people_is_outlined() -> None:
    def beside(status: Status) -> tuple[int, ...]:
        image = opened(draw(card(replace(NODE, status=status)))).convert("RGB")
        box, width = arranged({"1": []}).boxes["1"], arranged({"1": []}).width
        left = (image.width - width) / 2 + box.left
        found = image.getpixel((round(left - HALO + 2), round(HEADER + 88)))
        assert isinstance(found, tuple)
        return found

    ground = beside(Status.ACTIVE)
    assert min(ground) > 240
    assert min(beside(Status.WAITING)) < 100


def test_of_too_many_nodes_those_are_drawn_that_have_not_ended() -> None:
    ended = [replace(NODE, id=n, status=Status.COMPLETED) for n in range(1, 1_001)]
    busy = [replace(NODE, id=n, key=f"k{n}", needs=(1_000,)) for n in range(1_001, 1_041)]
    counts = {Status.COMPLETED: 5_000, Status.BLOCKED: 40}
    png = draw(replace(card(*ended, *busy), counts=counts))
    assert max(opened(png).size) <= LARGEST
    kept = [*ended[:10], *busy]
    assert png == draw(replace(card(*kept), counts=counts))
    assert png != draw(replace(card(*ended), counts=counts))


def test_no_nodes_at_all_make_a_picture_too() -> None:
    assert opened(draw(card())).width > 100


def problems(message: Message) -> list[str]:
    assert len(message.text) <= 120
    return check({"text": message.text, "blocks": message.blocks})


def plan(size: int = 3) -> WorkflowSpec:
    steps = [NodeSpec("design", AgentSpec("Write calculator spec", role="writer"))]
    steps.append(NodeSpec("review", GateSpec("Is it <good> & *done*?", quorum=2), ("design",)))
    steps += [NodeSpec(f"s{n}", AgentSpec("Do it"), ("review",)) for n in range(2, size)]
    return WorkflowSpec("calculator", tuple(steps), budget=Decimal(5), most_nodes=1_000)


def test_a_plan_is_drawn_before_it_starts() -> None:
    png = draw_plan(plan())
    assert opened(png).format == "PNG"
    assert draw_plan(plan()) == png
    assert draw_plan(replace(plan(), title="other")) != png
    assert max(opened(draw_plan(plan(300))).size) <= LARGEST


def test_the_message_says_what_the_picture_shows() -> None:
    gate = replace(NODE, id=2, key="review", kind=Kind.GATE, status=Status.WAITING)
    unnamed = replace(NODE, id=3, key="", status=Status.ACTIVE)
    message = graph(card(replace(NODE, status=Status.COMPLETED), gate, unnamed))
    assert problems(message) == []
    assert message.text == "Workflow w5: 1 of 3 done"
    said = message.blocks[-1]["text"]["text"].splitlines()
    assert said == ["calculator", "Done: design", "Waiting for people: review", "Working: agent 3"]


def test_the_message_counts_all_nodes_and_stays_within_bounds() -> None:
    many = card(*nodes_of(CHAIN), title="*x* <!channel> " * 40)
    counted = replace(many, counts={Status.COMPLETED: 1_200, Status.ACTIVE: 34})
    assert problems(graph(counted)) == []
    assert graph_title(counted) == "Workflow w5: 1,200 of 1,234 done"
    assert problems(plan_graph(plan(300))) == []
    assert problems(plan_graph(replace(plan(), title="<!channel> " * 10))) == []
    assert "review (gate) after design" in plan_graph(plan()).blocks[0]["text"]["text"]
    for text in TEXTS:
        assert 0 < units(label(replace(NODE, key=text))) <= 40


def test_gates_are_approved_and_rejected_and_agents_try_again() -> None:
    gate = replace(NODE, kind=Kind.GATE)
    assert state_word(replace(gate, status=Status.COMPLETED)) == "approved"
    assert state_word(replace(gate, status=Status.FAILED)) == "rejected"
    assert state_word(replace(NODE, status=Status.PENDING, failures=1)) == "trying again"
    assert state_word(replace(NODE, status=Status.FAILED, cancelling=True)) == "failed"
