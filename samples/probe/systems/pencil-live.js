// LIVE. A pencil drawing of each frame, shown as soon as it is drawn: grey, divided by its own soft negative.
import { camera, screen, sheet, WIDTH, HEIGHT } from './canvas.js';

export async function connect(stream) {
  const paper = sheet();
  const out = screen();
  camera(stream, (frame) => {
    const { canvas, context } = paper;
    context.globalCompositeOperation = 'source-over';
    context.filter = 'grayscale(1)';
    context.drawImage(frame, 0, 0, WIDTH, HEIGHT);
    context.globalCompositeOperation = 'color-dodge';
    context.filter = 'grayscale(1) invert(1) blur(3px)';
    context.drawImage(frame, 0, 0, WIDTH, HEIGHT);
    out.show(canvas);
  });
  return out.stream;
}
