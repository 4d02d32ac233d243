"""The way out of a sandbox without network: a proxy on a unix socket with a list of domains.

It speaks CONNECT and plain HTTP, to ports 80 and 443 only, and connects to no address of this
host or of a private network, whatever a domain on the list resolves to.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from engine.errors import MabError

PORTS = frozenset({80, 443})
MAX_HEAD = 16 * 2**10  # bytes of a request's head
HEAD_SECONDS = 20.0
CONNECT_SECONDS = 20.0
MAX_CONNECTIONS = 64
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[str, int], Awaitable[Stream]]


class Refused(MabError):
    """The sandbox does not let this connection through."""


@dataclass(frozen=True)
class Request:
    """Where a request wants to go; `head` is what goes there, empty for a tunnel."""

    host: str
    port: int
    head: bytes = b""


def allowed(host: str, domains: tuple[str, ...]) -> bool:
    """Whether a host is on the list; "*.example.org" stands for every name below it."""
    name = host.lower().rstrip(".")
    for domain in (entry.lower().rstrip(".") for entry in domains):
        below = domain.startswith("*.") and name.endswith(domain[1:]) and name != domain[2:]
        if below or (name == domain and domain):
            return True
    return False


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet, and to nothing nearer."""
    ip: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = _inner(ip)
    return ip.is_global and not ip.is_multicast


def parsed(head: bytes) -> Request:
    """What a request asks for; raises Refused when it is none for a proxy."""
    first, _, rest = head.partition(b"\r\n")
    with suppress(ValueError):
        method, target, version = first.decode("ascii").split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            return Request(host.strip("[]"), int(port))
        url = urlsplit(target)
        if url.scheme == "http" and url.hostname and version.startswith("HTTP/1"):
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            start = f"{method} {path} HTTP/1.1\r\nHost: {url.netloc.rpartition('@')[2]}\r\n"
            return Request(url.hostname, url.port or 80, start.encode("ascii") + _headers(rest))
    raise Refused("not a request for a proxy")


async def dial_public(host: str, port: int) -> Stream:
    """Connect to a host of the internet; raises Refused when it is none, OSError as usual."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise Refused(f"{host} is an address of this host or of a private network")
    # the address that was looked at, not the name again: it may resolve otherwise by now
    return await asyncio.open_connection(addresses[0], port)


@dataclass
class Proxy:
    """The proxy, while it is entered: `async with Proxy(socket, domains):`."""

    place: Path  # of the unix socket; at most about 100 bytes long
    domains: tuple[str, ...]
    dial: Dial = dial_public
    _served: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, self.place, limit=MAX_HEAD)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and close every connection."""
        if self._server:
            self._server.close()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._served) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._forward((reader, writer))
        except Refused as error:
            await _answer(writer, "403 Forbidden", error.detail)
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as error:
            await _answer(writer, "502 Bad Gateway", type(error).__name__)
        finally:
            await _close(writer)

    async def _forward(self, inside: Stream) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            request = parsed(await inside[0].readuntil(b"\r\n\r\n"))
        if request.port not in PORTS or not allowed(request.host, self.domains):
            raise Refused(f"{request.host}:{request.port} is not in [agent] network")
        async with asyncio.timeout(CONNECT_SECONDS):
            outside = await self.dial(request.host, request.port)
        try:
            if not request.head:
                inside[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            outside[1].write(request.head)
            await asyncio.gather(_pump(inside[0], outside[1]), _pump(outside[0], inside[1]))
        finally:
            await _close(outside[1])


def _inner(ip: ipaddress.IPv6Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo[1] if ip.teredo else None
    return ip.ipv4_mapped or ip.sixtofour or teredo or ip


def _headers(rest: bytes) -> bytes:
    """The headers that go on, without the proxy's own; one request for each connection."""
    lines = rest.removesuffix(b"\r\n\r\n").split(b"\r\n")
    dropped = re.compile(rb"(?i)(proxy-[^:]*|connection|keep-alive|host)\s*:")
    kept = [line for line in lines if line and not dropped.match(line)]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(2**16):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


async def _answer(writer: asyncio.StreamWriter, status: str, words: str) -> None:
    body = f"{words}\n".encode("utf-8", "replace")
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with suppress(OSError):
        writer.write(head.encode() + body)
        await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
