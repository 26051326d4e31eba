// WHIP with werift (npm). Usage: node werift_client.mjs URL CODEC SECONDS; prints one line of JSON.
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, RtpPacket } from 'werift';
import { Trial } from './trial.mjs';

const trial = new Trial('werift');
const codec = new RTCRtpCodecParameters({
  mimeType: `video/${trial.codec}`,
  clockRate: 90000,
  payloadType: trial.payloadType,
  rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'transport-cc' }],
  parameters: trial.codec === 'H264' ? 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1' : undefined,
});
const peer = new RTCPeerConnection({ codecs: { video: [codec] }, iceServers: [] });
const track = new MediaStreamTrack({ kind: 'video' });
const transceiver = peer.addTransceiver(track, { direction: 'sendrecv' });
transceiver.onTrack.subscribe((remote) => {
  trial.onWaiting = () => transceiver.receiver.sendRtcpPLI(remote.ssrc).catch(() => {});
  remote.onReceiveRtp.subscribe((packet) => trial.received(packet.serialize()));
});
peer.connectionStateChange.subscribe((state) => {
  if (state === 'connected' && !trial.result.connected) trial.connected(0x2345678, (packet) => track.writeRtp(RtpPacket.deSerialize(packet)));
});
const control = peer.createDataChannel('control');
control.stateChanged.subscribe((state) => state === 'open' && (trial.send = (text) => control.send(text)));
control.onMessage.subscribe((text) => trial.message(text.toString()));
await peer.setLocalDescription(await peer.createOffer());
const answer = await trial.whip(peer.localDescription.sdp);
if (answer) await peer.setRemoteDescription({ type: 'answer', sdp: answer });
