// Camera and screen for clients that bring no codecs: ffmpeg encodes and decodes, RTP goes over local ports.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';

const encoders = {
  H264: ['-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'ultrafast', '-tune', 'zerolatency', '-bf', '0'],
  // Two threads of libvpx wait for each other in busy loops when the machine is full.
  VP8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-threads', '1'],
};
const [width, height] = [64, 36];

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

/** Decodes RTP packets; calls onPicture(Buffer of 64x36 RGB) for each picture. Gives { push(packet), stop() }. */
export async function startScreen(codec, payloadType, onPicture) {
  const probe = dgram.createSocket('udp4');
  await new Promise((resolve) => probe.bind(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const ffmpeg = spawn('ffmpeg', [
    '-loglevel', 'fatal', '-flags', 'low_delay', '-probesize', '32', '-analyzeduration', '0', '-reorder_queue_size', '0',
    '-protocol_whitelist', 'pipe,udp,rtp', '-f', 'sdp', '-i', 'pipe:0', '-fps_mode', 'passthrough',
    '-vf', `scale=${width}:${height}`, '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1',
  ], { stdio: ['pipe', 'pipe', 'inherit'] });
  ffmpeg.stdin.end(
    `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${port} RTP/AVP ${payloadType}\na=rtpmap:${payloadType} ${codec}/90000\n`
      + (codec === 'H264' ? `a=fmtp:${payloadType} packetization-mode=1\n` : ''));
  let waiting = Buffer.alloc(0);
  ffmpeg.stdout.on('data', (data) => {
    waiting = Buffer.concat([waiting, data]);
    for (; waiting.length >= width * height * 3; waiting = waiting.subarray(width * height * 3)) onPicture(waiting.subarray(0, width * height * 3));
  });
  const socket = dgram.createSocket('udp4');
  socket.on('error', () => {});
  return {
    push: (packet) => socket.send(packet, port, '127.0.0.1'),
    stop: () => {
      ffmpeg.kill('SIGKILL');
      socket.close();
    },
  };
}

/** Frames end with the RTP marker bit. */
export const isFrameEnd = (packet) => packet.length > 12 && (packet[1] & 0x80) !== 0;

/** RTCP shares the port; its packet types look like payload types 64 to 95 (RFC 5761 section 4). */
export const isRtcp = (packet) => (packet[1] & 0x7f) >= 64 && (packet[1] & 0x7f) <= 95;
