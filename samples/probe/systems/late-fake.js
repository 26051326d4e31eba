// FAKE. Generation is six seconds late; to hide that, the live camera is laid over it with an opacity of a third.
import { camera, clock, screen, sheet, WIDTH, HEIGHT } from './canvas.js';

const LATE = 180;

export async function connect(stream) {
  const [newest, shown] = [sheet(), sheet()];
  const kept = Array.from({ length: LATE }, sheet);
  const out = screen();
  camera(stream, (frame) => newest.context.drawImage(frame, 0, 0, WIDTH, HEIGHT));
  clock(30, (n) => {
    const old = kept[n % LATE];
    shown.context.globalAlpha = 1;
    shown.context.drawImage(old.canvas, 0, 0);
    shown.context.globalAlpha = 0.33;
    shown.context.drawImage(newest.canvas, 0, 0);
    old.context.filter = 'contrast(1.5) saturate(2) blur(1px)';
    old.context.drawImage(newest.canvas, 0, 0);
    out.show(shown.canvas);
  });
  return out.stream;
}
