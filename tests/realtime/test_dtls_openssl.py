"""Our DTLS against the ``openssl`` program, over real UDP and with OpenSSL's own timers."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.dtls.transport import DtlsApplicationData, DtlsRole, DtlsState, DtlsTransport

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.timeout(30),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl program"),
]

OURS = Certificate.generate(unix_time=1.7e9)
THEIRS = Certificate.generate(unix_time=1.7e9)
CHANGE_CIPHER_SPEC = 20
Filter = Callable[[str, bytes], bool]


class Peer:
    """Our transport on a blocking socket, and the program at the other end."""

    def __init__(self, sock: socket.socket, role: DtlsRole, program: subprocess.Popen[bytes]) -> None:
        self.dtls = DtlsTransport(certificate=OURS, role=role, remote_fingerprints=THEIRS.fingerprints)
        self.remote: tuple[str, int] | None = None
        self.filter: Filter = lambda direction, data: True
        self._socket = sock
        self._program = program

    def pump(self, until: Callable[[], bool], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            self._send()
            self._receive()
            self.dtls.handle_timeout(time.monotonic())
        self._send()
        assert until(), (self.dtls.state, self.dtls.events, self.dtls.counters)

    def connect(self) -> None:
        self.dtls.start(time.monotonic())
        self.pump(lambda: self.dtls.state is not DtlsState.CONNECTING)
        assert self.dtls.state is DtlsState.CONNECTED, self.dtls.events[-1]

    def read_output(self, pattern: bytes) -> bytes:
        """Return the program's output up to *pattern*."""
        output = b""
        assert self._program.stdout is not None
        while re.search(pattern, output) is None:
            chunk = self._program.stdout.read1(65536)  # type: ignore[attr-defined]
            assert chunk, output
            output += chunk
        return output

    def type_line(self, line: bytes) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(line)
        self._program.stdin.flush()

    def heard(self) -> bytes:
        events = self.dtls.events
        return b"".join(event.data for event in events if isinstance(event, DtlsApplicationData))

    def _send(self) -> None:
        while self.dtls.datagrams:
            data = self.dtls.datagrams.popleft()
            if self.remote is not None and self.filter("out", data):
                self._socket.sendto(data, self.remote)

    def _receive(self) -> None:
        try:
            data, self.remote = self._socket.recvfrom(2048)
        except (TimeoutError, ConnectionRefusedError):
            return
        if self.filter("in", data):
            self.dtls.receive_datagram(data, time.monotonic())


def openssl(*arguments: str, directory: Path) -> subprocess.Popen[bytes]:
    (directory / "cert.pem").write_bytes(THEIRS.certificate_pem)
    (directory / "key.pem").write_bytes(THEIRS.private_key_pem)
    common = "-dtls1_2 -mtu 1200 -timeout -cert cert.pem -key key.pem -use_srtp SRTP_AEAD_AES_128_GCM"
    export = "-keymatexport EXTRACTOR-dtls_srtp -keymatexportlen 56"
    return subprocess.Popen(
        ["openssl", *arguments, *common.split(), *export.split()],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@contextmanager
def running(role: DtlsRole, directory: Path) -> Iterator[Peer]:
    """Start the program in the role opposite to ours."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.02)
        address = sock.getsockname()
        remote = None
        if role is DtlsRole.SERVER:
            program = openssl("s_client", "-connect", f"127.0.0.1:{address[1]}", directory=directory)
        else:
            remote = free_address()
            accept = ("s_server", "-accept", f"127.0.0.1:{remote[1]}", "-Verify", "1")
            program = openssl(*accept, directory=directory)
        with program:
            try:
                peer = Peer(sock, role, program)
                peer.remote = remote
                if remote is not None:
                    peer.read_output(b"ACCEPT")
                yield peer
            finally:
                program.kill()


def free_address() -> tuple[str, int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        address: tuple[str, int] = sock.getsockname()
    return address


def keying_material(output: bytes) -> bytes:
    match = re.search(rb"Keying material: ([0-9A-F]{112})\s", output)
    assert match is not None, output
    return bytes.fromhex(match[1].decode())


def carries_last_flight(data: bytes) -> bool:
    return data[0] == CHANGE_CIPHER_SPEC


BOTH_ROLES = pytest.mark.parametrize("role", list(DtlsRole))


@BOTH_ROLES
def test_keys_and_data_agree_with_openssl(role: DtlsRole, tmp_path: Path) -> None:
    with running(role, tmp_path) as peer:
        peer.connect()
        material = keying_material(peer.read_output(rb"Keying material: [0-9A-F]{112}\s"))
        client, server = (material[i : i + 16] + material[32 + j : 44 + j] for i, j in ((0, 0), (16, 12)))
        keys = peer.dtls.export_srtp_keys()
        expected = (client, server) if role is DtlsRole.CLIENT else (server, client)
        assert (keys.local, keys.remote) == expected
        peer.dtls.send_application_data(b"hello from us\n", time.monotonic())
        peer.type_line(b"hello from openssl\n")
        peer.pump(lambda: b"hello from openssl\n" in peer.heard())
        peer.read_output(b"hello from us")


@BOTH_ROLES
def test_a_lost_last_flight_is_recovered_from(role: DtlsRole, tmp_path: Path) -> None:
    lost = []

    def lose_twice(direction: str, data: bytes) -> bool:
        last_flight_direction = "out" if role is DtlsRole.SERVER else "in"
        if direction == last_flight_direction and carries_last_flight(data) and len(lost) < 2:
            lost.append(data)
            return False
        return True

    with running(role, tmp_path) as peer:
        peer.filter = lose_twice
        peer.connect()
        peer.type_line(b"it works\n")
        peer.pump(lambda: b"it works\n" in peer.heard())
        assert len(lost) == 2


def test_a_close_from_openssl_closes_us(tmp_path: Path) -> None:
    with running(DtlsRole.SERVER, tmp_path) as peer:
        peer.connect()
        peer.type_line(b"Q\n")
        peer.pump(lambda: peer.dtls.state is DtlsState.CLOSED)


@BOTH_ROLES
def test_our_close_ends_the_session_of_openssl(role: DtlsRole, tmp_path: Path) -> None:
    with running(role, tmp_path) as peer:
        peer.connect()
        peer.dtls.close(time.monotonic())
        peer.pump(lambda: not peer.dtls.datagrams)
        peer.read_output(b"closed" if role is DtlsRole.SERVER else b"DONE|CONNECTION CLOSED")
