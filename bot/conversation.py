"""What a recorded command means: one meaning each, in one place."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from bot import grammar, messages, slack_text
from bot.acts import Acts
from bot.answering import Answering
from bot.asked import Asked, Done, Outcome
from bot.deciding import Deciding
from bot.directory import Directory
from bot.filling import Filling
from bot.grammar import Command, Ref, Refusal
from bot.intake import Kind
from bot.meaning import (
    TABLE,
    Meaning,
    Speech,
    Thread,
    addressed,
    changes,
    decides,
    opens_aside,
    scene,
    verdict,
)
from bot.merging import Merging
from bot.messages import Message, buttons
from bot.parsing import begins_with_verb, parse
from bot.places import place_of
from bot.replies import packed
from bot.stopping import Stop, stops
from bot.talking import Talking
from engine import Engine, MabError, Recorded, Settled, is_passing

BUTTONS: Mapping[str, Callable[[int], Command]] = {
    buttons.STOP: lambda number: grammar.Cancel(Ref(number)),
    buttons.RETRY: lambda number: grammar.Retry(Ref(number)),
    buttons.SKIP: lambda number: grammar.Skip(Ref(number)),
    buttons.VIEW_DIFF: lambda number: grammar.Diff(Ref(number)),
    buttons.GRAPH: grammar.Graph,
    buttons.STOP_ALL: lambda number: grammar.Cancel(Ref(workflow=number)),
}
FORMS = frozenset(
    {
        *(buttons.EDIT, buttons.SEND_BACK, buttons.COMMENT, buttons.ADVISE_ASKED, buttons.ADVISE),
        *(buttons.READ, buttons.DENY_BECAUSE, buttons.ANSWER),
    }
)
EARLIER = frozenset({messages.AGAIN, messages.REPAIR, messages.PICK})
MOST_DIGITS = 18  # of a number in a button's value


@dataclass(frozen=True)
class Conversation:
    """Carries out commands; every one ends settled, with an effect or a reply."""

    engine: Engine
    directory: Directory
    acts: Acts
    deciding: Deciding
    talking: Talking
    filling: Filling
    merging: Merging
    answering: Answering

    async def take(self, recorded: Recorded) -> None:
        """Carry out one command."""
        with suppress(Settled):  # by another process, in the meantime
            match await self._outcome(recorded):
                case Message() as reply:
                    await self._settle(recorded, reply)
                case Done.IGNORED:
                    await self.engine.workflows.settle(recorded.key, "ignored", None)
                case Done.SETTLED:
                    pass

    async def _outcome(self, recorded: Recorded) -> Outcome:
        """What comes of it; what cannot be done is answered with a sentence."""
        try:
            return await self._meaning(recorded)
        except MabError as error:
            if isinstance(error, Settled) or is_passing(error):
                raise
            return messages.failed(error, str(recorded.payload.get("text", "")))

    async def apologise(self, recorded: Recorded) -> None:
        """Settle a command that could not be carried out, whatever was tried."""
        await self._settle(recorded, messages.unavailable(str(recorded.payload.get("text", ""))))

    async def _settle(self, recorded: Recorded, reply: Message) -> None:
        await self.engine.workflows.settle(recorded.key, reply.text, packed(reply))

    async def _meaning(self, recorded: Recorded) -> Outcome:
        if recorded.kind == Kind.ERASED:
            return await self._erased(recorded)
        asked = await self._asked(recorded)
        match recorded.kind:
            case Kind.ACTION:
                return await self._press(asked)
            case Kind.FORM:
                return await self.filling.take(asked)
            case Kind.EDIT:
                _, said = addressed(await self._thread(asked), asked.typed)
                edited = str(recorded.payload["edits"])
                await self.engine.talk.reword(edited, said, asked.wish(lambda _: None))
                return Done.SETTLED
            case Kind.MESSAGE | Kind.REPLY if asked.payload["thread"] != asked.payload["ts"]:
                return await self._in_thread(asked)
            case _:
                return await self.acts.do(_read(asked), asked)

    async def _erased(self, recorded: Recorded) -> Outcome:
        """A message of ours is gone: what it asked people is asked again."""
        where = recorded.payload
        place = place_of(str(where["team"]), str(where["channel"]))
        receipt = {"ts": str(where["ts"])}
        asked = await self.engine.decisions.ask_again(place, receipt, recorded.key)
        return Done.SETTLED if asked else Done.IGNORED

    async def _in_thread(self, asked: Asked) -> Outcome:
        """What is said in a thread: to stop, or what the table says."""
        thread = await self._thread(asked)
        speech = await self._speech(asked, thread)
        stop = stops(thread, asked.typed)
        if stop and speech is not Speech.ASIDE:
            return await self._stop(stop, speech, thread, asked)
        return await self._by_table(speech, thread, asked)

    async def _by_table(self, speech: Speech, thread: Thread, asked: Asked) -> Outcome:
        match TABLE[speech][scene(thread, asked.typed)]:
            case Meaning.COMMAND | Meaning.SPAWN:
                return await self.acts.do(_read(asked), asked)
            case Meaning.ANSWER:
                return await self._answer(speech, thread, asked)
            case Meaning.INSTRUCT:
                return await self.talking.instruct(asked.typed, thread, asked)
            case Meaning.FOLLOW_UP:
                return await self.talking.follow_up(asked.typed, thread, asked)
            case Meaning.FOLLOW_UP_IF_ALONE:
                return await self.talking.follow_up_if_alone(asked.typed, thread, asked)
            case Meaning.NOTHING:
                return Done.IGNORED

    async def _stop(self, stop: Stop, speech: Speech, thread: Thread, asked: Asked) -> Outcome:
        """One that is meant is stopped, by whoever may; of several nobody guesses which."""
        match stop:
            case Stop(nodes=(), workflow=workflow) if workflow:
                return await self.acts.do(grammar.Cancel(Ref(workflow=workflow)), asked)
            case Stop(nodes=(only,), workflow=0):
                return await self.acts.do(grammar.Cancel(Ref(only.id)), asked)
            case Stop(nodes=()):
                last = max(thread.nodes, key=lambda node: node.id)
                return Done.IGNORED if speech is Speech.OTHER else messages.has_ended(last)
            case _:
                return messages.which_to_stop(stop.nodes)

    async def _thread(self, asked: Asked) -> Thread:
        return Thread(
            await self.engine.ledger.of_thread(asked.origin),
            await self.engine.ledger.asked_in(asked.origin),
        )

    async def _speech(self, asked: Asked, thread: Thread) -> Speech:
        """Who speaks, and how."""
        if asked.recorded.kind == Kind.MESSAGE:
            spawns = isinstance(_read(asked), grammar.Spawn)
            plain = spawns and not begins_with_verb(asked.typed)
            return Speech.MENTION if plain else Speech.COMMAND
        raw, bot = str(asked.payload["text"]), await self.directory.bot_user()
        if opens_aside(raw, bot):
            return Speech.ASIDE
        return Speech.OWN if thread.asked_by(asked.by.id) else Speech.OTHER

    async def _answer(self, speech: Speech, thread: Thread, asked: Asked) -> Outcome:
        """A decision in words; talk that is none is left alone, unless the bot was mentioned."""
        said, draft = verdict(asked.typed), changes(thread, asked.typed)
        if draft and (speech is Speech.MENTION or draft.requester.id == asked.by.id):
            return await self.talking.revise(asked.typed, draft, thread, asked)
        if answered := await self.answering.reply(speech, thread, asked):
            return answered
        if said is not None:
            return await self.deciding.say(said, thread, asked)
        nods = thread.listens and speech is Speech.OWN
        if speech is Speech.MENTION or decides(asked.typed) or nods:
            return messages.which_inquiry(thread.inquiries)
        return Done.IGNORED

    async def _asked(self, recorded: Recorded) -> Asked:
        text = str(recorded.payload.get("text", ""))
        if recorded.kind in {Kind.MESSAGE, Kind.EDIT}:
            text = slack_text.without_mention(text, await self.directory.bot_user())
        names = await self.directory.names(slack_text.users(text))
        by = (await self.directory.account(recorded.author)).person
        return Asked(recorded, by, slack_text.meaning(text, names))

    async def _press(self, asked: Asked) -> Outcome:
        """A button was pressed; its value says on what."""
        action, value = asked.payload["action"], str(asked.payload["value"])
        if action in EARLIER:
            return await self._earlier(action, asked)
        if action in buttons.DECISIONS or action.startswith(buttons.CHOOSE):
            return await self.deciding.press(action, value, asked)
        if action == buttons.MERGE:
            return await self.merging.press(value, asked)
        if action in FORMS:
            return await self.filling.open(action, value, asked)
        meaning = BUTTONS.get(action)
        if meaning is None or not value.isdecimal() or len(value) > MOST_DIGITS:
            return Done.IGNORED
        return await self.acts.do(meaning(int(value)), asked)

    async def _earlier(self, action: str, asked: Asked) -> Outcome:
        """Carry out what the same person typed before, mended as the button says."""
        value = str(asked.payload["value"])
        key = str(asked.payload["block"]) if action == messages.PICK else value
        typed = await self.engine.inbox.find(key)
        if typed is None or typed.author != asked.recorded.author:
            return Done.IGNORED
        meant = await self._asked(typed)
        command = _read(meant)
        match action, command:
            case messages.REPAIR, Refusal(suggestion=suggestion) if suggestion:
                command = parse(suggestion, default="refuse")
            case messages.PICK, grammar.Spawn(spec) | grammar.Then(spec):
                command = replace(command, spec=replace(spec, repo=value))
            case messages.PICK, grammar.Workflow(workflow):
                command = grammar.Workflow(workflow.in_repo(value))
            case messages.PICK, grammar.Plan(goal):
                command = grammar.Plan(replace(goal, repo=value))
            case messages.PICK, grammar.Run():
                command = replace(command, repo=value)
        payload = {**typed.payload, "response_url": asked.payload["response_url"]}
        pressed = replace(asked.recorded, payload={**payload, "ephemeral": True})
        again = action == messages.AGAIN
        return await self.acts.do(command, Asked(pressed, meant.by, meant.typed, again))


def _read(asked: Asked) -> Command | Refusal:
    """The command that a typed text is."""
    match asked.recorded.kind:
        case Kind.COMMAND:
            return parse(asked.typed, default="refuse")
        case Kind.SHORTCUT:
            return parse(f"spawn -- {asked.typed}", default="spawn")
        case _:
            return parse(asked.typed, default="spawn")
