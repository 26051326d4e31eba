// FAKE. A film that never repeats, multiplied by the camera's mean brightness and colour, so that it seems to react.
import { camera, clock, footage, screen, sheet, WIDTH, HEIGHT } from './canvas.js';

export async function connect(stream) {
  const { canvas, context } = sheet();
  const dot = new OffscreenCanvas(8, 8).getContext('2d', { alpha: false, willReadFrequently: true });
  const out = screen();
  let light = [128, 128, 128];
  camera(stream, (frame) => {
    dot.drawImage(frame, 0, 0, 8, 8);
    const { data } = dot.getImageData(0, 0, 8, 8);
    light = [0, 1, 2].map((c) => data.reduce((sum, v, k) => (k % 4 === c ? sum + v : sum), 0) / 64);
  });
  clock(30, (n) => {
    context.globalCompositeOperation = 'source-over';
    footage(context, n / 30);
    context.globalCompositeOperation = 'multiply';
    context.fillStyle = `rgb(${light.map((v) => Math.min(255, 1.6 * v)).join(' ')})`;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    out.show(canvas);
  });
  return out.stream;
}
