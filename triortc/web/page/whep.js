// Watches one WHEP endpoint: a POST with the offer, candidates by PATCH, DELETE on leaving
// (draft-ietf-wish-whep, with the conventions of RFC 9725).

// Seconds without media after which a connection is given up: before the first byte, and later.
const PATIENCE = 15;
const SILENCE = 5;

export class Refused extends Error {
  constructor(response, reason) {
    super(reason.trim() || `The server answered ${response.status} ${response.statusText}.`);
    this.status = response.status;
    this.retryAfter = Number(response.headers.get("Retry-After")) || 0;
  }
}

export class Viewing {
  #peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  #endpoint;
  #authorization;
  #resource = null;
  #etag = "";
  #unsent = [];
  #patching = false;

  constructor(endpoint, token) {
    this.#endpoint = endpoint;
    this.#authorization = token ? { Authorization: `Bearer ${token}` } : {};
    this.stream = new MediaStream();
    this.#peer.ontrack = ({ track }) => this.stream.addTrack(track);
    this.#peer.onicecandidate = ({ candidate }) => this.#trickle(candidate);
  }

  /** Resolves when the server has answered; media is then on its way. */
  async open() {
    for (const kind of ["video", "audio"]) this.#peer.addTransceiver(kind, { direction: "recvonly" });
    await this.#peer.setLocalDescription();
    const response = await this.#request("POST", this.#endpoint, "application/sdp", this.#peer.localDescription.sdp);
    const text = await response.text();
    if (response.status !== 201) throw new Refused(response, text);
    this.#resource = new URL(response.headers.get("Location"), response.url);
    this.#etag = response.headers.get("ETag");
    await this.#peer.setRemoteDescription({ type: "answer", sdp: text });
    this.#patch();
  }

  /** Yields figures each second, until the connection is lost. */
  async *figures() {
    const lost = this.#lost();
    let before = summarize(await this.#peer.getStats());
    for (let silent = 0; silent < (before.bytes ? SILENCE : PATIENCE); ) {
      const second = new Promise((resolve) => setTimeout(resolve, 1000));
      if (await Promise.race([second, lost])) return;
      const now = summarize(await this.#peer.getStats());
      silent = now.bytes === before.bytes ? silent + 1 : 0;
      yield difference(before, now);
      before = now;
    }
  }

  // Resolves to true. A server that ends says so by closing DTLS, long before ICE could notice.
  #lost() {
    return new Promise((resolve) => {
      const dtls = this.#peer.getReceivers()[0].transport;
      dtls?.addEventListener("statechange", () => {
        if (dtls.state !== "closed") return;
        this.#resource = null; // the server knows
        resolve(true);
      });
      this.#peer.addEventListener("connectionstatechange", () => this.#peer.connectionState === "failed" && resolve(true));
    });
  }

  get hasAudio() {
    return this.#peer.getTransceivers().some((each) => each.receiver.track.kind === "audio" && each.currentDirection === "recvonly");
  }

  /** Tells the server, also while the page is being unloaded. */
  leave() {
    this.#peer.close();
    if (this.#resource) this.#request("DELETE", this.#resource).catch(() => {});
    this.#resource = null;
  }

  #request(method, url, type, body) {
    const headers = { ...this.#authorization };
    if (type) headers["Content-Type"] = type;
    if (method === "PATCH") headers["If-Match"] = this.#etag;
    return fetch(url, { method, headers, body, keepalive: method === "DELETE", cache: "no-store" });
  }

  #trickle(candidate) {
    this.#unsent.push(candidate);
    this.#patch();
  }

  // One PATCH at a time; what is found meanwhile goes with the next one. None is owed for success:
  // the server learns our addresses from our checks as well.
  async #patch() {
    if (this.#patching || !this.#resource) return;
    this.#patching = true;
    while (this.#unsent.length && this.#resource) {
      const body = fragment(this.#peer.localDescription.sdp, this.#unsent.splice(0));
      await this.#request("PATCH", this.#resource, "application/trickle-ice-sdpfrag", body).catch(() => {});
    }
    this.#patching = false;
  }
}

// RFC 8840 §9. All media is in one bundle, so all candidates stand under its first section.
function fragment(sdp, candidates) {
  const lines = sdp.split("\r\n");
  const first = (prefix) => lines.find((line) => line.startsWith(prefix));
  return [
    ...["a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:"].map(first),
    ...candidates.map((candidate) => (candidate?.candidate ? `a=${candidate.candidate}` : "a=end-of-candidates")),
    "",
  ].join("\r\n");
}

function summarize(report) {
  const all = [...report.values()];
  const inbound = (kind) => all.find((each) => each.type === "inbound-rtp" && each.kind === kind) ?? {};
  const pair = all.find((each) => each.type === "candidate-pair" && each.nominated && each.state === "succeeded");
  const video = inbound("video");
  const audio = inbound("audio");
  const sum = (field) => (video[field] ?? 0) + (audio[field] ?? 0);
  return {
    time: video.timestamp ?? 0,
    width: video.frameWidth,
    height: video.frameHeight,
    frames: video.framesDecoded ?? 0,
    codec: report.get(video.codecId)?.mimeType.replace("video/", ""),
    bytes: sum("bytesReceived"),
    received: sum("packetsReceived"),
    lost: sum("packetsLost"),
    roundTrip: pair?.currentRoundTripTime,
  };
}

function difference(before, now) {
  const seconds = (now.time - before.time) / 1000 || 1;
  const lost = Math.max(0, now.lost - before.lost);
  const expected = now.received - before.received + lost;
  return {
    ...now,
    framesPerSecond: (now.frames - before.frames) / seconds,
    bitsPerSecond: ((now.bytes - before.bytes) * 8) / seconds,
    lossRate: expected ? lost / expected : 0,
  };
}
