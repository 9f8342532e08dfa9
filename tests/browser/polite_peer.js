// W3C's perfect negotiation example, as the polite side, against triortc.serve_peers. Evaluated in any page.
async ({ url }) => {
  const peer = new RTCPeerConnection();
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
  const stream = (video.srcObject = new MediaStream());
  document.body.replaceChildren(video);
  peer.ontrack = ({ track }) => stream.addTrack(track);

  const socket = new WebSocket(url);
  const send = (message) => socket.send(JSON.stringify(message));
  peer.onicecandidate = ({ candidate }) => candidate && send(candidate);
  peer.onnegotiationneeded = async () => {
    await peer.setLocalDescription();
    send(peer.localDescription);
  };
  socket.onmessage = async ({ data }) => {
    const message = JSON.parse(data);
    if (message.sdp) {
      await peer.setRemoteDescription(message);
      if (message.type === "offer") {
        await peer.setLocalDescription();
        send(peer.localDescription);
      }
    } else {
      await peer.addIceCandidate(message.candidate ? message : null);
    }
  };
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
  await new Promise((resolve) => video.addEventListener("loadeddata", resolve, { once: true }));
  window.leave = () => peer.close();
  return true;
}
