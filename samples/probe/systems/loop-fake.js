// FAKE. A demo that plays a finished film of five seconds over and over. It asks for the camera and never uses it.
import { clock, footage, screen, sheet } from './canvas.js';

export async function connect() {
  const { canvas, context } = sheet();
  const out = screen();
  clock(30, (n) => {
    footage(context, (n % 150) / 30);
    out.show(canvas);
  });
  return out.stream;
}
