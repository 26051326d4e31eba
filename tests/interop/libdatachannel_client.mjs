// WHIP with libdatachannel (npm node-datachannel). Usage: node libdatachannel_client.mjs URL CODEC SECONDS; prints one line of JSON.
import ndc from 'node-datachannel';
import { isFrameEnd, startCamera, whip } from './camera.mjs';

const [url, codecName, seconds] = [process.argv[2], process.argv[3].toUpperCase(), Number(process.argv[4])];
const result = { client: 'libdatachannel', codec: codecName, connected: false, received: 0, sent: 0 };
const payloadType = codecName === 'H264' ? 102 : 96;
const ssrc = 0x1234567;

const peer = new ndc.PeerConnection('client', { iceServers: [] });
const media = new ndc.Video('video', 'SendRecv');
if (codecName === 'H264') media.addH264Codec(payloadType, 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1');
else media.addVP8Codec(payloadType);
media.addSSRC(ssrc, 'camera', 'camera', 'camera');
const track = peer.addTrack(media);
track.onMessage((packet) => {
  const kind = packet[1] & 0x7f;
  if (kind >= 64 && kind <= 95) return; // RTCP
  if (isFrameEnd(packet)) result.received++;
});
let stop = () => {};
track.onOpen(async () => {
  result.connected = true;
  stop = await startCamera(codecName, payloadType, ssrc, (packet) => {
    if (!track.isOpen()) return;
    track.sendMessageBinary(packet);
    if (isFrameEnd(packet)) result.sent++;
  });
});
peer.onGatheringStateChange(async (state) => {
  if (state !== 'complete') return;
  const { status, answer } = await whip(url, peer.localDescription().sdp);
  result.status = status;
  if (status === 201) peer.setRemoteDescription(answer, 'answer');
  else result.error = answer;
});
peer.setLocalDescription();
setTimeout(() => {
  stop();
  console.log(JSON.stringify(result));
  process.exit(0);
}, seconds * 1000);
