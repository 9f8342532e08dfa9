"""Servers of media, each in a thread of its own: HTTP, and just enough of RTSP (RFC 2326) over TCP."""

import base64
import functools
import http.server
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from triortc.protocol.rtp.payload.formats import FORMATS

SDP = (
    "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=control:track\r\n"
)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and hangs from the request for ``stuck`` on."""

    stuck = threading.Event()

    def do_GET(self) -> None:
        if self.path.endswith("2.ts") and self.server.hangs:  # type: ignore[attr-defined]
            self.stuck.wait(5)
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def http_server(folder: Path, *, hangs: bool = False) -> Iterator[str]:
    """Serve a folder; yields its URL. When it *hangs*, the third HLS segment is never sent."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.hangs = hangs  # type: ignore[attr-defined]
        server.daemon_threads = False
        QuietHandler.stuck.clear()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            QuietHandler.stuck.set()
            server.shutdown()
            thread.join()


@contextmanager
def rtsp_server(
    clip: Path, *, password: str | None = None, frames: int = 100_000, then: str = "hangs up"
) -> Iterator[str]:
    """Show a VP8 clip in a loop to one player; after some *frames* it ``hangs up`` or is ``silent``."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        RtspServer(clip, password, frames, then) as server,
    ):
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            user = f"me:{password}@" if password else ""
            yield f"rtsp://{user}127.0.0.1:{listener.getsockname()[1]}/stream?channel=1"
        finally:
            server.stop()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


class RtspServer:
    """Answers one player after the other, and plays when it is told to."""

    def __init__(self, clip: Path, password: str | None, frames: int, then: str) -> None:
        with av.open(str(clip)) as container:
            self._coded = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        self._authorization = "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
        self._password = password
        self._frames = frames
        self._then = then
        self._stopped = threading.Event()
        self._player: threading.Thread | None = None

    def __enter__(self) -> "RtspServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()
        if self._player is not None:
            self._player.join()

    def serve(self, listener: socket.socket) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)
                self.stop() if self._player is not None else None

    def _answer(self, connection: socket.socket) -> None:
        requests = connection.makefile("rb")
        with requests:
            while head := self._read_head(requests):
                method, headers = head
                status, more, body = self._respond(method, headers)
                text = f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{more}"
                connection.sendall(f"{text}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                if method == "PLAY" and self._player is None:
                    self._player = threading.Thread(target=self._play, args=(connection,))
                    self._player.start()

    def _read_head(self, requests: object) -> tuple[str, dict[str, str]] | None:
        lines = []
        try:
            while line := requests.readline().strip():  # type: ignore[attr-defined]
                if not line.startswith(b"$"):  # RTCP, interleaved
                    lines.append(line.decode(errors="replace"))
        except OSError:
            return None
        if not lines:
            return None
        pairs = (line.partition(":") for line in lines[1:])
        return lines[0].split()[0], {name.lower(): value.strip() for name, _, value in pairs}

    def _respond(self, method: str, headers: dict[str, str]) -> tuple[str, str, str]:
        if self._password and method != "OPTIONS" and headers.get("authorization") != self._authorization:
            return "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n', ""
        if method == "DESCRIBE":
            return "200 OK", "Content-Type: application/sdp\r\n", SDP
        if method == "SETUP":
            return "200 OK", "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""
        return "200 OK", "Session: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""

    def _play(self, connection: socket.socket) -> None:
        packetize = FORMATS["vp8"].new_packetizer()
        sequence = 0
        for number in range(self._frames):
            if self._stopped.wait(1 / 30):
                return
            payloads = packetize(self._coded[number % len(self._coded)])
            for index, payload in enumerate(payloads):
                marker = 0x80 if index == len(payloads) - 1 else 0
                header = struct.pack("!BBHII", 0x80, 96 | marker, sequence, number * 3000, 1)
                sequence = sequence + 1 & 0xFFFF
                framing = struct.pack("!cBH", b"$", 0, len(header) + len(payload))
                try:
                    connection.sendall(framing + header + payload)
                except OSError:
                    return
        if self._then == "hangs up":
            connection.shutdown(socket.SHUT_RDWR)
