// The least a WHEP viewer can be: one RTCPeerConnection, one POST. Evaluated in a page of the server's origin.
async ({ codec, audio }) => {
  const peer = new RTCPeerConnection();
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
  const stream = (video.srcObject = new MediaStream());
  document.body.replaceChildren(video);
  peer.ontrack = ({ track }) => stream.addTrack(track);

  const transceiver = peer.addTransceiver("video", { direction: "recvonly" });
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => [codec, "video/rtx"].includes(mimeType)));
  if (audio) peer.addTransceiver("audio", { direction: "recvonly" });

  await peer.setLocalDescription();
  const post = performance.now();
  const pictured = new Promise((resolve) => video.addEventListener("loadeddata", resolve, { once: true }));
  const response = await fetch("/whep", {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: peer.localDescription.sdp,
  });
  const sdp = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${sdp}`);
  await peer.setRemoteDescription({ type: "answer", sdp });
  await pictured;
  window.leave = async () => {
    const { status } = await fetch(new URL(response.headers.get("Location"), response.url), { method: "DELETE" });
    peer.close();
    return status;
  };
  return { firstFrame: (performance.now() - post) / 1000, hasEtag: response.headers.has("ETag") };
}
