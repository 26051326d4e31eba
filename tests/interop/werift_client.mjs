// WHIP with werift (npm). Usage: node werift_client.mjs URL CODEC SECONDS; prints one line of JSON.
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, RtpPacket } from 'werift';
import { isFrameEnd, startCamera, whip } from './camera.mjs';

const [url, codecName, seconds] = [process.argv[2], process.argv[3].toUpperCase(), Number(process.argv[4])];
const result = { client: 'werift', codec: codecName, connected: false, received: 0, sent: 0 };
const feedback = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'transport-cc' }];
const codec = codecName === 'H264'
  ? new RTCRtpCodecParameters({ mimeType: 'video/H264', clockRate: 90000, payloadType: 102, rtcpFeedback: feedback, parameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1' })
  : new RTCRtpCodecParameters({ mimeType: 'video/VP8', clockRate: 90000, payloadType: 96, rtcpFeedback: feedback });

const peer = new RTCPeerConnection({ codecs: { video: [codec] }, iceServers: [] });
const track = new MediaStreamTrack({ kind: 'video' });
const transceiver = peer.addTransceiver(track, { direction: 'sendrecv' });
transceiver.onTrack.subscribe((remote) => {
  const keyFrames = setInterval(() => transceiver.receiver.sendRtcpPLI(remote.ssrc).catch(() => {}), 1000);
  keyFrames.unref();
  remote.onReceiveRtp.subscribe((packet) => {
    if (packet.header.marker) result.received++;
  });
});
let stop = () => {};
peer.connectionStateChange.subscribe(async (state) => {
  if (state !== 'connected' || result.connected) return;
  result.connected = true;
  stop = await startCamera(codecName, codec.payloadType, 0x2345678, (packet) => {
    track.writeRtp(RtpPacket.deSerialize(packet));
    if (isFrameEnd(packet)) result.sent++;
  });
});
await peer.setLocalDescription(await peer.createOffer());
const { status, answer } = await whip(url, peer.localDescription.sdp);
result.status = status;
if (status === 201) await peer.setRemoteDescription({ type: 'answer', sdp: answer });
else result.error = answer;
setTimeout(() => {
  stop();
  console.log(JSON.stringify(result));
  process.exit(0);
}, seconds * 1000);
