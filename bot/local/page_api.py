"""The page's side of the workspace: its files, live updates, uploads and downloads.

Protocol: JSON over the WebSocket /page/live (the cookie is needed).

Server to page: {"type":"state","team","bot_id",
"users":[{id,name,real_name,is_bot,is_guest,is_stranger}],
"me":"U…","channels":[{id,name,is_private,is_im,user?,is_archived,members}],
"messages":{channel:[msg…]},"commands":[{command,description,usage_hint,
subcommands:[{name,usage,hint}]}],"shortcuts":[{name,callback_id}],
"chips":[{label,text}],"banner":str,"banner_warns":bool,
"ephemerals":[{user,channel,thread_ts,message}],"views":[{user,view}]}, then increments:
{"type":"message","action":"posted|changed|deleted","channel","message"} ·
{"type":"ephemeral","user","channel","thread_ts","message":{ts,text,blocks},
"action":"posted|changed|deleted"} ·
{"type":"view","user","view":{id,hash,title,blocks,submit,close,private_metadata}} ·
{"type":"view_closed","user","view_id"} ·
{"type":"view_errors","user","view_id","errors":{block_id:text}} ·
{"type":"channel","channel":{…}}.

msg = {ts,user,bot_id?,username?,text,blocks?,thread_ts?,reply_count?,edited?,
files?:[{id,name,mimetype,size,url,preview?}],reactions?:[{name,users}],deleted?}

Page to server: {"id":n,"do":"post","as","channel","thread_ts":null|ts,"text"} (a text that opens
with a slash is a command) · {"do":"edit"|"delete","as","channel","ts","text"} ·
{"do":"press","as","channel","ts","block_id","action_id","value"?,"selected"?,"ephemeral":bool}
(with "view_id" instead of channel and ts: in a form) ·
{"do":"submit","as","view_id","values":{block_id:{action_id:{type,value|selected_option|…}}}} ·
{"do":"close","as","view_id"} · {"do":"react","as","channel","ts","name"} ·
{"do":"shortcut","as","channel","ts","callback_id"} · {"do":"channel","as","name"} ·
{"do":"dismiss","as","channel","ts"} (an ephemeral message).
Each gets {"type":"reply","id":n,"ok":bool,"error"?}; `error` is a code or a sentence, and
"view_errors" when the form itself says what is wrong. Files are sent by POST /page/upload
(multipart: as, channel, thread_ts, text, files) and fetched by GET /page/file/<id>.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from bot.local import rendering
from bot.local.board import channel_for_page, whispered
from bot.local.calls import parsed
from bot.local.changes import Changes
from bot.local.guard import Guard
from bot.local.page_acts import PageActs
from bot.local.people import Content
from bot.local.state import State
from bot.local.validation import Refused

Json = dict[str, Any]
Increments = asyncio.Queue[Json]
PAGE = Path(__file__).with_name("page")
SHOWN_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True)
class Dressing:
    """What the caller puts on the page: example tasks, a line at the top, known commands."""

    me: str
    banner: str = ""
    banner_warns: bool = False
    chips: tuple[Json, ...] = ()
    commands: tuple[Json, ...] = ()
    shortcuts: tuple[Json, ...] = ()


@dataclass(frozen=True)
class PageApi:
    """Serves the page to the people who have the printed address."""

    state: State
    changes: Changes
    guard: Guard
    acts: PageActs
    dressing: Dressing
    _live: set[web.WebSocketResponse] = field(default_factory=set)

    async def index(self, request: web.Request) -> web.StreamResponse:
        """The page; with the token in the address, a cookie and the plain address first."""
        if not self.guard.enters(request):
            return await self.file(request)
        response = web.Response(status=303, headers={"Location": "/"})
        cookie = {"httponly": True, "samesite": "Strict", "path": "/"}
        response.set_cookie(self.guard.cookie, self.guard.token, **cookie)  # type: ignore[arg-type]
        return response

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file of the page, by its name in the one directory there is."""
        path = PAGE / request.match_info.get("name", "index.html")
        there = await asyncio.to_thread(path.is_file)
        return web.FileResponse(path) if there else web.Response(status=404, text="no such file")

    async def live(self, request: web.Request) -> web.StreamResponse:
        """The state, then every change; what the page asks for comes the other way."""
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=1024 * 1024)
        await socket.prepare(request)
        self._live.add(socket)
        with self.changes.listening() as queue:
            await socket.send_json(self._state())
            pump = asyncio.create_task(_pump(queue, socket))
            try:
                await self._listen(socket, queue)
            finally:
                pump.cancel()
                self._live.discard(socket)
        return socket

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Files that a person drops into a channel or thread."""
        form = await request.post()
        asked = {key: value for key, value in form.items() if isinstance(value, str)}
        parts = [f for f in form.getall("files", []) if isinstance(f, web.FileField)]
        files = [await asyncio.to_thread(_content, part) for part in parts]
        try:
            user, channel = self.acts.user(asked), self.acts.channel(asked)
            thread, text = asked.get("thread_ts") or None, asked.get("text", "")
            self.acts.people.write(user, channel, text, thread, files)
        except (Refused, LookupError) as refused:
            return web.json_response({"ok": False, "error": str(refused)}, status=400)
        return web.json_response({"ok": True})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file; only pictures are shown, everything else is saved."""
        file = self.state.files.get(request.match_info["id"])
        if file is None:
            return web.Response(status=404, text="no such file")
        inline = file.mimetype in SHOWN_INLINE
        response = web.Response(body=file.content)
        response.content_type = file.mimetype if inline else "application/octet-stream"
        name = "".join(c if c.isalnum() or c in "._- " else "_" for c in file.name)
        ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
        kind = "inline" if inline else "attachment"
        response.headers["Content-Disposition"] = f'{kind}; filename="{ascii_name}"'
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return response

    async def archive(self, request: web.Request) -> web.StreamResponse:
        """A permalink: the page, with the place after the hash."""
        digits = request.match_info["digits"]
        place = f"/#{request.match_info['channel']}/{digits[:-6]}.{digits[-6:]}"
        return web.Response(status=302, headers={"Location": place})

    async def close(self) -> None:
        """Hang up on every open page."""
        for socket in list(self._live):
            await socket.close()

    async def _listen(self, socket: web.WebSocketResponse, queue: Increments) -> None:
        running: set[asyncio.Task[None]] = set()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                task = asyncio.create_task(self._carry_out(message.data, queue))
                running.add(task)
                task.add_done_callback(running.discard)

    async def _carry_out(self, data: str, queue: Increments) -> None:
        """The reply takes the way of the increments, so it comes after what it answers."""
        queue.put_nowait(await self.acts.carry_out(parsed(data)))

    def _state(self) -> Json:
        keys = ("id", "name", "real_name", "is_bot", "is_guest", "is_stranger")
        state = self.state
        return {
            "type": "state",
            "team": state.team,
            "bot_id": state.bot_id,
            "users": [{key: getattr(u, key) for key in keys} for u in state.users.values()],
            "me": self.dressing.me,
            "channels": [channel_for_page(c) for c in state.channels.values()],
            "messages": {
                channel: [rendering.for_page(m, state) for m in state.channel_messages(channel)]
                for channel in state.channels
            },
            "ephemerals": [whispered(m) for m in state.ephemerals],
            "views": [view.told(state) for view in self.acts.desk.modals.open_views()],
            **self._dressed(),
        }

    def _dressed(self) -> Json:
        return {
            "commands": list(self.dressing.commands),
            "shortcuts": list(self.dressing.shortcuts),
            "chips": list(self.dressing.chips),
            "banner": self.dressing.banner,
            "banner_warns": self.dressing.banner_warns,
        }


async def _pump(queue: Increments, socket: web.WebSocketResponse) -> None:
    while not socket.closed:
        await socket.send_json(await queue.get())


def _content(part: web.FileField) -> Content:
    return part.filename, part.file.read()
