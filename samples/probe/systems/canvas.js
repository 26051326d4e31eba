// Shared by all of these programs: pictures of 320 x 180, an input, an output and prepared footage.
export const [WIDTH, HEIGHT] = [320, 180];

export function sheet() {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  return { canvas, context: canvas.getContext('2d', { alpha: false, willReadFrequently: true }) };
}

// Passes on each frame of the camera; the callback must draw it at once or copy it.
export async function camera(stream, take) {
  const reader = new MediaStreamTrackProcessor({ track: stream.getVideoTracks()[0] }).readable.getReader();
  for (;;) {
    const { value: frame, done } = await reader.read();
    if (done) return;
    take(frame);
    frame.close();
  }
}

// A stream that shows a canvas whenever it is told to.
export function screen() {
  const track = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = track.writable.getWriter();
  let last = 0;
  return {
    stream: new MediaStream([track]),
    show(canvas) {
      last = Math.max(last + 1, Math.round(performance.now() * 1000));
      writer.write(new VideoFrame(canvas, { timestamp: last })).catch(() => {});
    },
  };
}

// Calls `tick` at a rate per second, by the clock: late timers do not lower the rate.
export function clock(rate, tick) {
  const began = performance.now();
  let n = 0;
  setInterval(() => {
    for (let due = Math.floor((performance.now() - began) * rate / 1000); n < due; n++) if (due - n < 10) tick(n);
  }, 500 / rate);
}

// Footage that has nothing to do with the camera: hills, a sun, figures that walk.
export function footage(context, seconds) {
  const sky = context.createLinearGradient(0, 0, 0, HEIGHT);
  sky.addColorStop(0, '#2b4c8c');
  sky.addColorStop(1, '#e8a35c');
  context.fillStyle = sky;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = '#ffe9a8';
  context.beginPath();
  context.arc(WIDTH * (0.5 + 0.4 * Math.sin(seconds * 0.7)), 50 + 12 * Math.cos(seconds * 1.3), 22, 0, 7);
  context.fill();
  for (let hill = 0; hill < 3; hill++) {
    context.fillStyle = ['#3d5a3a', '#2f4630', '#1d2f22'][hill];
    context.beginPath();
    context.moveTo(0, HEIGHT);
    for (let x = 0; x <= WIDTH; x += 8) context.lineTo(x, 100 + 25 * hill + 14 * Math.sin(x / (40 - 8 * hill) + seconds * (0.4 + 0.3 * hill)));
    context.lineTo(WIDTH, HEIGHT);
    context.fill();
  }
  for (let figure = 0; figure < 4; figure++) {
    const x = (figure * 90 + seconds * (25 + 9 * figure)) % (WIDTH + 40) - 20;
    context.fillStyle = ['#c33', '#3a9', '#dd4', '#94c'][figure];
    context.fillRect(x, 118 + 8 * figure + 4 * Math.abs(Math.sin(seconds * 6 + figure)), 14, 34);
  }
}
