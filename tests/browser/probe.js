// Runs in every page before its own scripts: remembers what the tests ask about, changes nothing.

window.probe = {
  peers: [],
  firstFrameAt: null, // performance.now() of the first decoded picture of any video element

  async inbound(kind) {
    const reports = await Promise.all(this.peers.map((peer) => peer.getStats()));
    return reports.flatMap((report) => [...report.values()]).find((s) => s.type === "inbound-rtp" && s.kind === kind);
  },

  // How the picture and the sound flow over the next seconds.
  async measure(seconds) {
    const look = async () => ({
      at: performance.now(),
      video: (await this.inbound("video")) ?? {},
      audio: (await this.inbound("audio")) ?? {},
    });
    const before = await look();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const after = await look();
    const elapsed = (after.at - before.at) / 1000;
    const grown = (kind, field) => (after[kind][field] ?? 0) - (before[kind][field] ?? 0);
    return {
      fps: grown("video", "framesDecoded") / elapsed,
      videoLost: grown("video", "packetsLost"),
      audioBytes: grown("audio", "bytesReceived"),
      audioPackets: grown("audio", "packetsReceived"),
      audioEnergy: grown("audio", "totalAudioEnergy"),
      freezes: grown("video", "freezeCount"),
    };
  },

  // Seconds from the WHEP POST to the first picture; null while there is none.
  joinSeconds() {
    const post = performance.getEntriesByType("resource").find((entry) => /\/whep(\?|$)/.test(entry.name));
    return this.firstFrameAt && post ? (this.firstFrameAt - post.startTime) / 1000 : null;
  },
};

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...configuration) {
    super(...configuration);
    window.probe.peers.push(this);
  }
};

// Media events don't bubble, but they can be captured.
document.addEventListener("loadeddata", () => (window.probe.firstFrameAt ??= performance.now()), true);
document.addEventListener("playing", ({ target }) => {
  const told = { muted: target.muted, gesture: navigator.userActivation.hasBeenActive };
  if (target.videoWidth) console.debug(`probe: playing ${JSON.stringify(told)}`);
}, true);
