import { Refused } from './control.js';

// In pictures without noise, Chromium's H.264 encoder leaves specks at block corners behind moving objects; its VP8 encoder does not.
const NOISELESS = 'vp8';

/**
 * A source of pictures. `stream` is what is sent, `view` a video that plays it. Each frame raises two events with its capture time on the
 * clock of performance.now(): `capture`, and then `picture`, while `image` holds that very frame. If the browser does not tell when a frame
 * of the stream was captured, there is no `capture`, and `picture` carries null if that is true of the image too: the time at which a frame
 * is shown is late by an unknown amount, so a delay measured from it would be wrong.
 */
class Source extends EventTarget {
  /** The codec that suits it; null leaves the choice to the server. */
  codec = null;

  constructor(stream, stop = () => {}, canvas = null) {
    super();
    this.stream = stream;
    this.view = Object.assign(document.createElement('video'), { muted: true, autoplay: true, playsInline: true, srcObject: stream });
    this.canvas = canvas;
    this.image = canvas ?? this.view;
    this.stop = () => {
      for (const track of stream.getTracks()) track.stop();
      stop();
    };
    const [track] = stream.getVideoTracks();
    track.onended = () => this.dispatchEvent(new Event('ended'));
    if (canvas || !('requestVideoFrameCallback' in this.view)) return;
    const seen = (now, meta) => {
      this.view.requestVideoFrameCallback(seen);
      this.captured(meta.captureTime ?? null);
    };
    this.view.requestVideoFrameCallback(seen);
  }

  captured(at, sure = at !== null) {
    if (sure) this.dispatchEvent(new CustomEvent('capture', { detail: at }));
    this.dispatchEvent(new CustomEvent('picture', { detail: at }));
  }
}

const CAMERA_WORDS = {
  NotAllowedError: 'The browser does not let this page use the camera. Allow it in the address bar, then start again.',
  NotFoundError: 'No camera was found. Plug one in, or choose another input.',
  NotReadableError: 'The camera is in use by another program. Close it there, then start again.',
  OverconstrainedError: 'That camera is not there any more. Choose another.',
};

async function guarded(get, refused) {
  if (!navigator.mediaDevices)
    throw new Refused({
      kind: 'input',
      words: 'Browsers give cameras only to https pages and to localhost. Open the page over https, or choose the built-in scene.',
    });
  try {
    return await get();
  } catch (error) {
    throw new Refused({ kind: 'input', words: refused[error.name] ?? `The input cannot be used: ${error.message}` });
  }
}

export const sources = {
  /** @param {{device?: string}} [options] which camera, by its id */
  async camera({ device } = {}) {
    const video = {
      ...(device ? { deviceId: { exact: device } } : {}),
      width: { ideal: 640 },
      height: { ideal: 360 },
      frameRate: { ideal: 30 },
    };
    return new Source(await guarded(() => navigator.mediaDevices.getUserMedia({ video }), CAMERA_WORDS));
  },

  async screen() {
    const words = { NotAllowedError: 'No screen was shared. Start again and choose one.' };
    return Object.assign(new Source(await guarded(() => navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 30 } }), words)), {
      codec: NOISELESS,
    });
  },

  async file({ file } = {}) {
    if (!file) throw new Refused({ kind: 'input', words: 'Choose a video file first.' });
    const video = Object.assign(document.createElement('video'), {
      src: URL.createObjectURL(file),
      muted: true,
      loop: true,
      playsInline: true,
    });
    const stop = () => {
      video.pause();
      URL.revokeObjectURL(video.src);
    };
    const played = await video.play().then(
      () => true,
      () => false,
    );
    if (!played || !video.videoWidth) {
      stop();
      throw new Refused({ kind: 'input', words: played ? `${file.name} holds no picture.` : `This browser cannot play ${file.name}.` });
    }
    return drawn(
      Math.min(1280, video.videoWidth),
      (pen, width, height) => pen.drawImage(video, 0, 0, width, height),
      video.videoWidth / video.videoHeight,
      stop,
    );
  },

  async scene() {
    return drawn(640, drawScene, 16 / 9);
  },
};

// Pictures that the page draws itself, at exactly known times. The intervals are uneven on purpose, so that a stamp matches one picture
// only.
const UNEVEN = 10;

function drawn(width, draw, shape, stop = () => {}) {
  const canvas = Object.assign(document.createElement('canvas'), { width: width & ~1, height: Math.round(width / shape) & ~1 });
  const pen = canvas.getContext('2d', { alpha: false });
  const { track, feed, sure } = fed(canvas);
  track.contentHint = 'motion';
  let [source, timer] = [null, 0];
  const first = performance.now();
  const paint = (n) => {
    const at = performance.now();
    draw(pen, canvas.width, canvas.height, at / 1000);
    source.captured(at, sure);
    feed(at);
    // What a busy page could not paint in time is left out.
    const next = Math.max(n + 1, Math.ceil(((at - first) * 30) / 1000));
    timer = setTimeout(paint, first + (next * 1000) / 30 + Math.random() * UNEVEN - at, next);
  };
  timer = setTimeout(paint, 0, 0);
  source = new Source(
    new MediaStream([track]),
    () => {
      clearTimeout(timer);
      stop();
    },
    canvas,
  );
  source.codec = NOISELESS;
  return source;
}

// A stream of the canvas's pictures. A track generator takes each picture as it was painted, with its time; without one, the browser
// captures the canvas at times of its own.
function fed(canvas) {
  if (!('MediaStreamTrackGenerator' in window && 'VideoFrame' in window)) {
    const [track] = canvas.captureStream(0).getVideoTracks();
    return { track, feed: () => track.requestFrame(), sure: false };
  }
  const track = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = track.writable.getWriter();
  // Rejects once the track is stopped.
  writer.closed.catch(() => {});
  return {
    track,
    sure: true,
    feed: (at) => writer.write(new VideoFrame(canvas, { timestamp: Math.round(at * 1000), alpha: 'discard' })).catch(() => {}),
  };
}

/** One picture of the built-in scene at `t` seconds. */
export function drawScene(pen, width, height, t) {
  const sky = pen.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, '#3b6ea5');
  sky.addColorStop(1, '#f2c48d');
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = '#fff2c9';
  disc(pen, width * (0.5 + 0.35 * Math.cos(t / 5)), height * (0.35 - 0.15 * Math.sin(t / 5)), height * 0.08);
  ['#5d6f63', '#47584d', '#334038'].forEach((colour, layer) => {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.moveTo(0, height);
    for (let x = 0; x <= width; x += 8) {
      const phase = x / (140 - 30 * layer) + t * (0.15 + 0.2 * layer);
      pen.lineTo(x, height * (0.55 + 0.13 * layer) - height * 0.07 * (Math.sin(phase) + 0.5 * Math.sin(2.3 * phase + layer)));
    }
    pen.lineTo(width, height);
    pen.fill();
  });
  // A figure that waves, so that there is somebody to restyle.
  const x = width * (0.5 + 0.12 * Math.sin(t / 2));
  const y = height * 0.62;
  pen.fillStyle = '#c2452d';
  pen.fillRect(x - 34, y, 68, 120);
  pen.fillStyle = '#e9b48a';
  disc(pen, x, y - 34, 32);
  pen.fillStyle = '#2b1d14';
  disc(pen, x - 11, y - 40, 4);
  disc(pen, x + 11, y - 40, 4);
  pen.strokeStyle = '#c2452d';
  pen.lineWidth = 18;
  pen.lineCap = 'round';
  pen.beginPath();
  pen.moveTo(x + 34, y + 14);
  pen.lineTo(x + 78, y - 20 + 30 * Math.sin(t * 4));
  pen.moveTo(x - 34, y + 14);
  pen.lineTo(x - 70, y + 60);
  pen.stroke();
}

function disc(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fill();
}
