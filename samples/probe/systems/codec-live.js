// LIVE. What a relay does: the picture in sepia goes through a real encoder and decoder (VP8) before it is shown.
import { camera, screen, sheet, WIDTH, HEIGHT } from './canvas.js';

export async function connect(stream, { ended }) {
  const { canvas, context } = sheet();
  const out = screen();
  const fail = (error) => ended(`the codec failed: ${error.message}`);
  const shown = sheet();
  const decoder = new VideoDecoder({
    error: fail,
    output(frame) {
      shown.context.drawImage(frame, 0, 0);
      frame.close();
      out.show(shown.canvas);
    },
  });
  decoder.configure({ codec: 'vp8', codedWidth: WIDTH, codedHeight: HEIGHT });
  const encoder = new VideoEncoder({ error: fail, output: (chunk) => decoder.decode(chunk) });
  encoder.configure({ codec: 'vp8', width: WIDTH, height: HEIGHT, bitrate: 600_000, framerate: 30, latencyMode: 'realtime' });
  let n = 0;
  context.filter = 'sepia(1)';
  camera(stream, (frame) => {
    // An encoder that falls behind skips frames; it does not queue them.
    if (encoder.encodeQueueSize > 2) return;
    context.drawImage(frame, 0, 0, WIDTH, HEIGHT);
    const picture = new VideoFrame(canvas, { timestamp: Math.round(performance.now() * 1000) });
    encoder.encode(picture, { keyFrame: n++ % 90 === 0 });
    picture.close();
  });
  return out.stream;
}
