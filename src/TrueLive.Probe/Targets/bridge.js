// What every measured page has in common: frames of the probe (a WebSocket on this machine) become a camera's track; the output goes back
// in a small size, with the time at which the browser had decoded it or at which it expects it on the display.
//
// Kept before a measured page can put others in their place, since the measured times come from them.
const now = performance.now.bind(performance);
const onFrame = Function.prototype.call.bind(HTMLVideoElement.prototype.requestVideoFrameCallback);

function bridge(address, heard) {
  const [width, height] = [160, 90];
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  const tell = message => { if (socket.readyState === 1) socket.send(JSON.stringify(message)); };
  const fail = error => tell({ error: String(error?.message ?? error).slice(0, 2000) });
  const input = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = input.writable.getWriter();

  socket.onmessage = async ({ data }) => {
    try {
      if (typeof data === 'string') return await heard(JSON.parse(data));
      const head = new DataView(data, 0, 8);
      // Stamped with the present time, as a camera's frames are: Chromium adapts stamps of another clock to its own, and drifts for seconds
      // meanwhile.
      const frame = new VideoFrame(new Uint8Array(data, 8), {
        format: 'I420', codedWidth: head.getUint32(0, true), codedHeight: head.getUint32(4, true), timestamp: Math.round(now() * 1000),
      });
      // Frames that a slow consumer drops here count as the target's loss, not the probe's.
      await writer.write(frame);
    } catch (error) { fail(error); }
  };

  async function read(track) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      give(frame, now());
      frame.close();
    }
  }

  // A video element outside the page is never drawn on the display, and its times would mean nothing.
  // A page without a script may play its answer as clips, one after the other in the same element.
  function watch(video, ends = true) {
    if (!video.isConnected) document.body.append(video);
    if (ends) video.addEventListener('ended', () => tell({ ended: 'the output video ended' }));
    const shown = (_, { presentationTime, expectedDisplayTime }) => {
      onFrame(video, shown);
      give(video, Math.max(presentationTime, expectedDisplayTime));
    };
    onFrame(video, shown);
  }

  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';

  let last = 0;

  // A message is the time at which the picture is seen, the time now (which may be earlier), and the picture.
  function give(image, seen, onlyNew = false) {
    const sent = now();
    context.drawImage(image, 0, 0, width, height);
    const rgba = context.getImageData(0, 0, width, height).data;
    if (onlyNew) {
      const hash = new Uint32Array(rgba.buffer).reduce((h, v) => Math.imul(h ^ v, 16777619), 1);
      if (hash === last) return;
      last = hash;
    }
    const message = new ArrayBuffer(16 + width * height * 3 / 2);
    const head = new DataView(message);
    head.setFloat64(0, seen, true);
    head.setFloat64(8, sent, true);
    toI420(rgba, new Uint8Array(message, 16));
    socket.send(message);
  }

  // BT.601, limited range.
  function toI420(rgba, planes) {
    const [u, v] = [width * height, width * height * 5 / 4];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = 4 * (y * width + x);
        planes[y * width + x] = 16.5 + 0.257 * rgba[at] + 0.504 * rgba[at + 1] + 0.098 * rgba[at + 2];
      }
    }
    for (let y = 0; y < height / 2; y++) {
      for (let x = 0; x < width / 2; x++) {
        let [r, g, b] = [0, 0, 0];
        for (const at of [0, 1, width, width + 1]) {
          const k = 4 * (2 * y * width + 2 * x + at);
          r += rgba[k] / 4; g += rgba[k + 1] / 4; b += rgba[k + 2] / 4;
        }
        planes[u + y * width / 2 + x] = 128.5 - 0.148 * r - 0.291 * g + 0.439 * b;
        planes[v + y * width / 2 + x] = 128.5 + 0.439 * r - 0.368 * g - 0.071 * b;
      }
    }
  }

  return { socket, input, tell, fail, read, watch, give };
}
