// FAKE. One picture is generated every two seconds; in between it is shifted by how far the camera has moved since, found by comparing the
// columns' brightness at different offsets.
import { camera, clock, screen, sheet, WIDTH, HEIGHT } from './canvas.js';

const EVERY = 60;

export async function connect(stream) {
  const [newest, key, next, shown] = [sheet(), sheet(), sheet(), sheet()];
  const line = new OffscreenCanvas(WIDTH, 1).getContext('2d', { alpha: false, willReadFrequently: true });
  const out = screen();
  let [columns, moved, since] = [null, 0, 0];
  camera(stream, (frame) => {
    newest.context.drawImage(frame, 0, 0, WIDTH, HEIGHT);
    line.drawImage(frame, 0, 0, WIDTH, 1);
    const { data } = line.getImageData(0, 0, WIDTH, 1);
    const now = Float32Array.from({ length: WIDTH }, (_, x) => data[4 * x + 1] - (x ? data[4 * x - 3] : data[1]));
    if (columns) {
      let [best, at] = [-Infinity, 0];
      for (let shift = -6; shift <= 6; shift++) {
        let sum = 0;
        for (let x = 8; x < WIDTH - 8; x++) sum += now[x] * columns[x + shift];
        if (sum > best) [best, at] = [sum, shift];
      }
      moved += at;
    }
    columns = now;
  });
  clock(30, (n) => {
    if (n % EVERY === 0) {
      key.context.drawImage(next.canvas, 0, 0);
      next.context.filter = 'contrast(1.4) saturate(1.7)';
      next.context.drawImage(newest.canvas, 0, 0);
      since = moved;
    }
    shown.context.drawImage(key.canvas, since - moved, 0);
    out.show(shown.canvas);
  });
  return out.stream;
}
