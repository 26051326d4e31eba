// A WebSocket that takes one JPEG per message and sends JPEG back; a text message {"prompt": "..."} sets the prompt.
//   truelive probe page samples/probe/jpeg-websocket.js --var url=ws://host/stream
let socket;

export async function connect(stream, { variables, ended }) {
  const [width, height] = [Number(variables.width ?? 640), Number(variables.height ?? 360)];
  socket = new WebSocket(variables.url);
  socket.binaryType = 'blob';
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error(`${variables.url} cannot be reached`)); });
  socket.onclose = event => ended(`the service closed the socket (${event.code} ${event.reason})`);
  const output = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = output.writable.getWriter();
  socket.onmessage = async ({ data }) => {
    if (typeof data === 'string') return;
    const picture = await createImageBitmap(data);
    await writer.write(new VideoFrame(picture, { timestamp: Math.round(performance.now() * 1000) }));
    picture.close();
  };
  send(stream.getVideoTracks()[0], new OffscreenCanvas(width, height)).catch(error => ended(error.message));
  return new MediaStream([output]);
}

export async function prompt(text) {
  socket.send(JSON.stringify({ prompt: text }));
}

async function send(track, canvas) {
  const context = canvas.getContext('2d');
  const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
  for (;;) {
    const { value: frame, done } = await reader.read();
    if (done) return;
    context.drawImage(frame, 0, 0, canvas.width, canvas.height);
    frame.close();
    // A service that cannot keep up gets the newest frame, not a queue.
    if (socket.bufferedAmount < 200_000) socket.send(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.85 }));
  }
}
