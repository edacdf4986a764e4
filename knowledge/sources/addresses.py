"""Connections that cannot reach internal addresses: each name is resolved once, checked, and that address is dialled.

The check stands where the socket is opened, so that no redirect, no second look-up (DNS rebinding) and no way of
writing an address gets around it. The name still goes into SNI, the certificate check and the Host header.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
import httpx

Resolve = Callable[[str, int], Iterable[str]]
"""A host name and a port -> every address of it."""
_EMBEDDED = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
"""NAT64 (RFC 6052), IPv4-compatible (RFC 4291) and IPv4-translated (RFC 2765): the last four bytes are of IPv4."""
_GLOBAL = IPv6Network("2000::/3")
_SPECIAL = IPv4Network("192.0.0.0/24")
"""IETF protocol assignments (RFC 6890), which Python before 3.11.9 takes for global in part."""


class Forbidden(httpcore.ConnectError):
    """The host has an address that is not on the public internet."""


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver, which also reads decimal, octal and short forms of addresses."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def public(address: str) -> bool:
    """Whether an address is on the public internet, also when it is written inside an IPv6 one."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inside = _inside(ip)
        if inside is None:
            return ip in _GLOBAL and ip.is_global and not ip.is_multicast
        ip = inside
    return ip.is_global and ip not in _SPECIAL and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _inside(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one carries: mapped, 6to4, Teredo, or in its last four bytes."""
    carried = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if carried is None and any(ip in network for network in _EMBEDDED):
        carried = IPv4Address(int(ip) & 0xFFFFFFFF)
    return carried


class Transport(httpx.BaseTransport):
    """An httpx transport without proxies whose connections are checked and end at `deadline` (monotonic seconds).

    The hosts in `local` are for tests: they may be anywhere.
    """

    def __init__(self, resolve: Resolve = resolve, local: frozenset[str] = frozenset()) -> None:
        self._backend = _Backend(resolve, local)
        self._pool: httpcore.ConnectionPool | None = None

    def until(self, deadline: float) -> None:
        """Let everything on these connections end by `deadline`."""
        self._backend.deadline = deadline

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises httpcore's errors."""
        if self._pool is None:
            context = httpx.create_ssl_context()
            self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=self._backend, max_connections=4)
        url, target = request.url, request.url.raw_path
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=target),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status, headers=response.headers, stream=_Body(response), extensions={}
        )

    def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Any:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _Backend(httpcore.SyncBackend):
    def __init__(self, resolve: Resolve, local: frozenset[str]) -> None:
        self._resolve, self._local, self.deadline = resolve, local, float("inf")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._checked(host, port)
        stream = super().connect_tcp(addresses[0], port, self.left(timeout), local_address, socket_options)
        return _Timed(stream, self)

    def _checked(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host; raises Forbidden when any of them is not public."""
        try:
            addresses = list(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address ({error})") from None
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no address")
        inner = [one for one in addresses if not public(one)]
        if inner and host not in self._local:
            raise Forbidden(f"{host} is {inner[0]}, which is not on the public internet")
        return sorted(addresses, key=lambda one: ":" in one)

    def left(self, timeout: float | None) -> float:
        """Return the seconds that an operation may take; raises ReadTimeout when none are left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("out of time")
        return min(left, timeout if timeout is not None else left)


class _Timed(httpcore.NetworkStream):
    """A stream that knows the deadline, however slowly its bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, backend: _Backend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._backend.left(timeout)), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
