// A coded camera for clients that bring no encoder: ffmpeg sends RTP to a local port, the client forwards the packets.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';

const encoders = {
  H264: ['-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'ultrafast', '-tune', 'zerolatency', '-bf', '0'],
  VP8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'],
};

/** Calls onPacket(Buffer) for each RTP packet of a 640x360 picture at 30 fps; returns a stop function. */
export async function startCamera(codec, payloadType, ssrc, onPacket) {
  const socket = dgram.createSocket('udp4');
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.on('message', onPacket);
  const ffmpeg = spawn('ffmpeg', [
    '-loglevel', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30', '-pix_fmt', 'yuv420p',
    ...encoders[codec], '-b:v', '1200k', '-g', '60', '-payload_type', String(payloadType), '-ssrc', String(ssrc),
    '-f', 'rtp', `rtp://127.0.0.1:${socket.address().port}?pkt_size=1200`,
  ], { stdio: ['ignore', 'ignore', 'inherit'] });
  return () => {
    ffmpeg.kill('SIGKILL');
    socket.close();
  };
}

/** POSTs an offer to a WHIP endpoint and gives back the status and the answer. */
export async function whip(url, offer) {
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer });
  return { status: response.status, answer: await response.text() };
}

/** Frames end with the RTP marker bit. */
export const isFrameEnd = (packet) => packet.length > 12 && (packet[1] & 0x80) !== 0;
