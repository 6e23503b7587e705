"""A DNS server over UDP, TCP and TLS that answers what it is told to, built with dnspython."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

ZONE = {
    "answer": ("example.com. 3600 IN A 127.0.0.1", "example.com. 3600 IN A 127.0.0.2"),
    "authority": ("example.com. 7200 IN NS ns1.isp.net.", "example.com. 7200 IN NS ns2.isp.net."),
    "additional": (
        "ns1.isp.net. 7200 IN A 127.0.0.1",
        "ns1.isp.net. 7200 IN AAAA ::1",
        "ns2.isp.net. 7200 IN A 127.0.0.2",
    ),
}
SOA = {"answer": ("example.com. 3600 IN SOA ns.example.com. noc.example.com. 1000 7200 3600 1209600 3600",)}
VERSION = {"answer": ('example.com. 3600 CH TXT "goDNS"',)}


def _answered(wire: bytes, rcode: str) -> bytes:
    question = dns.message.from_wire(wire)
    answer = dns.message.make_response(question)
    answer.set_rcode(dns.rcode.from_text(rcode))
    asked = question.question[0]
    kind = dns.rdatatype.to_text(asked.rdtype)
    zone = SOA if kind == "SOA" else VERSION if kind == "TXT" else ZONE
    for name, lines in zone.items() if rcode == "NOERROR" else ():
        for line in lines:
            owner, ttl, klass, sort, data = line.split(" ", 4)
            getattr(answer, name).append(dns.rrset.from_text(owner, int(ttl), klass, sort, data))
    answer.flags |= dns.flags.AA
    return answer.to_wire()


@contextmanager
def zone(rcode: str = "NOERROR", transport: str = "udp", tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The place of a server that answers every question with ``rcode``."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, socket = self.request
            socket.sendto(_answered(wire, rcode), self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = int.from_bytes(self.rfile.read(2))
            answer = _answered(self.rfile.read(length), rcode)
            self.wfile.write(len(answer).to_bytes(2) + answer)

    kind: Any = socketserver.ThreadingUDPServer if transport == "udp" else socketserver.ThreadingTCPServer
    with kind(("127.0.0.1", 0), Datagram if transport == "udp" else Stream) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
