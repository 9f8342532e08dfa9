"""What a viewer costs: N real receiving peers against `triortc broadcast`, on two cores.

    python benchmarks/broadcast.py --viewers 200                  pre-encoded fan-out
    python benchmarks/broadcast.py --viewers 200 --live           with the encoder beside it

The sender runs pinned to one core, in a process of its own; the viewers are triortc sessions
that decrypt, authenticate and count every packet, in another process on the other core. CPU
time is the kernel's account of the sender's process, so it holds when the machine is noisy.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from floor import measure as measure_floor
from receivers import Receivers

FRAMERATE = 30
SIZE = (1280, 720)
CONNECT_SECONDS = 10.0
SETTLE_SECONDS = 3.0


@dataclass(frozen=True)
class Sent:
    """What the sender says it has sent."""

    time: float
    viewers: int
    packets: int
    bytes: int


def read_sent(url: str) -> Sent:
    with urllib.request.urlopen(url + "stats", timeout=30) as response:
        viewers = json.load(response)["viewers"]
    streams = [stats for viewer in viewers for stats in viewer["stats"].values()]
    streams = [stats for stats in streams if stats["type"] == "outbound-rtp"]
    # Each viewer is described at a moment of its own; with many, the answer takes a while.
    return Sent(
        sum(stream["timestamp"] for stream in streams) / len(streams) / 1000,
        len(viewers),
        sum(stream["packetsSent"] for stream in streams),
        sum(stream["bytesSent"] + stream["headerBytesSent"] for stream in streams),
    )


@dataclass(frozen=True)
class Cpu:
    """Seconds of CPU that a process has used, all its threads together."""

    user: float
    kernel: float

    @classmethod
    def read(cls, pid: int) -> "Cpu":
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        tick = os.sysconf("SC_CLK_TCK")
        return cls(int(fields[11]) / tick, int(fields[12]) / tick)

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(self.user - before.user, self.kernel - before.kernel)


def start_sender(arguments: argparse.Namespace, directory: str) -> subprocess.Popen[str]:
    if arguments.live:
        command = [str(Path(sys.executable).with_name("triortc")), "broadcast", "test", "--port", "0"]
        command += ["--bitrate", str(arguments.bitrate)]
    else:
        path = str(Path(directory) / "clip.webm")
        write_clip(path, arguments.bitrate)
        command = [sys.executable, str(Path(__file__).with_name("sender.py")), path]
    if not arguments.audio:
        command.append("--no-audio")
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    )


def write_clip(path: str, bitrate: int) -> None:
    """Encode ten seconds of moving noise, which uses up the whole bitrate."""
    import av
    import numpy as np

    noise = np.random.default_rng(7).integers(0, 256, (SIZE[1] * 3 // 2, SIZE[0] * 2), dtype=np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream("libvpx", rate=FRAMERATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = bitrate
        stream.options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "minrate": str(bitrate),
            "maxrate": str(bitrate),
            "bufsize": str(bitrate // 2),
            "g": str(FRAMERATE * 2),
        }
        for number in range(10 * FRAMERATE):
            picture = np.ascontiguousarray(noise[:, number * 3 : number * 3 + SIZE[0]] // 4 + 96)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        container.mux(stream.encode(None))


def measure(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as directory:
        sender = start_sender(arguments, directory)
        receivers = Receivers()
        try:
            url = read_url(sender)
            os.sched_setaffinity(0, {1})
            cpu_per_packet = watch(arguments, receivers, sender.pid, url)
        finally:
            receivers.close()
            sender.terminate()
            sender.wait(10)
    for name, floor in (("alone", measure_floor()), ("receivers apart", measure_floor(apart=True))):
        ratio = f"{cpu_per_packet / floor:.1f} times"
        print(f"{ratio:>21} the bare loop, {name}: {floor * 1e6:.2f} µs (benchmarks/floor.py, just now)")


def read_url(sender: subprocess.Popen[str]) -> str:
    assert sender.stdout is not None
    for line in sender.stdout:
        for word in line.split():
            if word.startswith("http"):
                return word
    raise SystemExit("the sender has ended")


def watch(arguments: argparse.Namespace, receivers: Receivers, pid: int, url: str) -> float:
    """Print what happens once all have joined; return the sender's CPU seconds per packet."""
    for _ in range(arguments.viewers):
        receivers.join(url, audio=arguments.audio)
        if not receivers.run_until(lambda: receivers.all[-1].connected, limit=CONNECT_SECONDS):
            raise SystemExit(f"viewer {len(receivers.all)} did not connect")
    receivers.run_for(SETTLE_SECONDS)
    counts = [receiver.packets for receiver in receivers.all]
    before, cpu, own, start = read_sent(url), Cpu.read(pid), Cpu.read(os.getpid()), time.monotonic()
    receivers.run_for(arguments.seconds)
    cpu, own = Cpu.read(pid).since(cpu), Cpu.read(os.getpid()).since(own)
    seconds = time.monotonic() - start
    received = [receiver.packets - count for receiver, count in zip(receivers.all, counts, strict=True)]
    lost = [receiver.lost for receiver in receivers.all]
    return report(before, read_sent(url), cpu, own, seconds, received, lost)


def report(
    before: Sent,
    after: Sent,
    cpu: Cpu,
    own: Cpu,
    seconds: float,
    received: Sequence[int],
    lost: Sequence[int],
) -> float:
    sending = after.time - before.time
    rate = (after.packets - before.packets) / sending
    bitrate = (after.bytes - before.bytes) * 8 / sending / after.viewers
    print(f"viewers               {after.viewers}")
    print(f"sent                  {rate:,.0f} packets/s, {bitrate / 1e6:.2f} Mbit/s each")
    print(
        f"received              {sum(received) / seconds:,.0f} packets/s, least {min(received) / seconds:.0f}"
    )
    print(f"lost                  {sum(lost)} packets in all, {max(lost)} by the unluckiest viewer")
    whole = cpu.user + cpu.kernel
    print(f"receivers' CPU        {(own.user + own.kernel) / seconds:.3f} cores")
    print(f"sender CPU            {whole / seconds:.3f} cores ({cpu.kernel / whole:.0%} in the kernel)")
    per_packet = whole / seconds / rate
    print(f"  per packet          {per_packet * 1e6:.2f} µs")
    print(f"  per viewer          {whole / seconds / after.viewers * 1e3:.2f} ms/s")
    return per_packet


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--bitrate", type=int, default=2_000_000)
    parser.add_argument("--live", action="store_true", help="encode the test card, instead of sending a file")
    parser.add_argument("--audio", action="store_true", help="send sound as well")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
