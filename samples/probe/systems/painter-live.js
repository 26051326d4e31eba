// LIVE. A painter with a memory: flat areas of colour, each with a little of the previous picture, about a third of a second late like a
// distant service, and with the jitter of a network.
import { camera, screen, sheet, WIDTH, HEIGHT } from './canvas.js';

const [CELLS, ROWS] = [80, 45];

export async function connect(stream) {
  const small = new OffscreenCanvas(CELLS, ROWS);
  const cells = small.getContext('2d', { alpha: false, willReadFrequently: true });
  const { canvas, context } = sheet();
  const out = screen();
  const memory = new Float32Array(CELLS * ROWS * 3).fill(128);
  let next = 0;
  camera(stream, (frame) => {
    cells.drawImage(frame, 0, 0, CELLS, ROWS);
    const image = cells.getImageData(0, 0, CELLS, ROWS);
    for (let k = 0; k < CELLS * ROWS; k++) {
      for (let c = 0; c < 3; c++) {
        const m = (memory[3 * k + c] += 0.6 * (image.data[4 * k + c] - memory[3 * k + c]));
        image.data[4 * k + c] = 20 + 36 * Math.round(m / 42);
      }
    }
    next = Math.max(next + 2, performance.now() + 300 + 30 * Math.random());
    setTimeout(() => {
      cells.putImageData(image, 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(small, 0, 0, WIDTH, HEIGHT);
      out.show(canvas);
    }, next - performance.now());
  });
  return out.stream;
}
