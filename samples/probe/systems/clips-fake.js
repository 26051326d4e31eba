// FAKE. An image-to-video service behind a live page: every three seconds it takes a still, works on it while the previous clip is shown,
// and plays a slow zoom into it.
import { camera, clock, screen, sheet, WIDTH, HEIGHT } from './canvas.js';

const SECONDS = 3;

export async function connect(stream) {
  const [newest, still, next, shown] = [sheet(), sheet(), sheet(), sheet()];
  const out = screen();
  camera(stream, (frame) => newest.context.drawImage(frame, 0, 0, WIDTH, HEIGHT));
  clock(30, (n) => {
    if (n % (30 * SECONDS) === 0) {
      still.context.drawImage(next.canvas, 0, 0);
      next.context.filter = 'saturate(2) contrast(1.3)';
      next.context.drawImage(newest.canvas, 0, 0);
    }
    const zoom = 1 + 0.25 * (n % (30 * SECONDS)) / (30 * SECONDS);
    shown.context.setTransform(zoom, 0, 0, zoom, WIDTH * (1 - zoom) / 2, HEIGHT * (1 - zoom) / 2);
    shown.context.drawImage(still.canvas, 0, 0);
    out.show(shown.canvas);
  });
  return out.stream;
}
