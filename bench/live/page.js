// Paints the time into a picture, sends it over WHIP, and reads the time back from the picture that returns. The same for every server.
window.liveBench = (() => {
  const bits = 24;
  const columns = bits + 2;
  const strip = 1 / 12;
  const ticks = () => Math.round(performance.now() * 10) % 2 ** bits;
  const state = { sent: 0, pictures: [], unread: 0, firstAt: null, size: '' };
  let peer, location, view;

  function paint(pen, width, height, n) {
    const fill = pen.createLinearGradient((n * 3) % width, 0, width, height);
    fill.addColorStop(0, '#d06030'); fill.addColorStop(0.5, '#40b060'); fill.addColorStop(1, '#5060d0');
    pen.fillStyle = fill;
    pen.fillRect(0, 0, width, height);
    for (let i = 0; i < 40; i++) {
      pen.fillStyle = `hsl(${i * 37} 70% ${30 + (i % 5) * 10}%)`;
      pen.fillRect((n * (1 + (i % 7)) + i * 97) % width, (i * 53) % (height * 0.8), width / 16, height / 12);
    }
    const at = ticks();
    const cell = width / columns;
    const top = height * (1 - strip);
    for (let c = 0; c < columns; c++) {
      const on = c < bits ? (at >> c) & 1 : c === bits;
      pen.fillStyle = on ? '#f0f0f0' : '#101010';
      pen.fillRect(Math.floor(c * cell), top, Math.ceil(cell), height - top);
    }
  }

  function reader() {
    const canvas = Object.assign(document.createElement('canvas'), { width: columns * 4, height: 4 });
    const eye = canvas.getContext('2d', { willReadFrequently: true });
    return (video) => {
      const { videoWidth: w, videoHeight: h } = video;
      eye.drawImage(video, 0, h * (1 - strip), w, h * strip, 0, 0, columns * 4, 4);
      const { data } = eye.getImageData(0, 0, columns * 4, 4);
      const luma = (c) => data[4 * (2 * columns * 4 + c * 4 + 2) + 1];
      const middle = (luma(bits) + luma(bits + 1)) / 2;
      let at = 0;
      for (let c = 0; c < bits; c++) if (luma(c) > middle) at |= 1 << c;
      return at;
    };
  }

  async function start({ url, width, height, fps, timeout }) {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const pen = canvas.getContext('2d');
    paint(pen, width, height, 0);
    const stream = canvas.captureStream(0);
    const [track] = stream.getVideoTracks();
    // Keeps Chromium from sending a smaller picture, which would hide what the full size costs.
    track.contentHint = 'detail';
    peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    peer.addTransceiver(track, { direction: 'sendrecv', streams: [stream], sendEncodings: [{ maxBitrate: 3_000_000 }] });
    view = Object.assign(document.createElement('video'), { muted: true, autoplay: true, playsInline: true });
    document.body.append(view);
    peer.ontrack = ({ track: back, receiver }) => {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      view.srcObject = new MediaStream([back]);
    };
    const read = reader();
    const shown = () => {
      const now = ticks();
      view.requestVideoFrameCallback(shown);
      const code = read(view);
      const delay = ((now - code + 2 ** bits) % 2 ** bits) / 10;
      state.firstAt ??= performance.now();
      state.size = `${view.videoWidth}x${view.videoHeight}`;
      if (delay < 5000) state.pictures.push([code, delay]);
      else state.unread++;
    };
    view.requestVideoFrameCallback(shown);
    await peer.setLocalDescription();
    await new Promise((resolve) => (peer.iceGatheringState === 'complete' ? resolve() : (peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve())));
    const began = performance.now();
    const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: peer.localDescription.sdp });
    if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
    location = response.headers.get('Location');
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    setInterval(() => {
      paint(pen, width, height, ++state.sent);
      track.requestFrame();
    }, 1000 / fps);
    const end = performance.now() + timeout * 1000;
    while (state.pictures.length < 30) {
      if (performance.now() > end) throw new Error(`${state.pictures.length} pictures in ${timeout} s, ${state.unread} without a time; connection ${peer.connectionState}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return state.firstAt - began;
  }

  async function measure(seconds) {
    const [from, sent, unread, began] = [state.pictures.length, state.sent, state.unread, performance.now()];
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const taken = (performance.now() - began) / 1000;
    const pictures = state.pictures.slice(from);
    return {
      seconds: taken,
      sent: state.sent - sent,
      // A picture shown twice counts once.
      generated: new Set(pictures.map(([code]) => code)).size,
      unread: state.unread - unread,
      delays: pictures.map(([, delay]) => delay),
      size: state.size,
    };
  }

  async function stop() {
    if (location) await fetch(location, { method: 'DELETE' }).catch(() => {});
    peer.close();
  }

  return { start, measure, stop };
})();
