// WHIP with libdatachannel (npm node-datachannel). Usage: node libdatachannel_client.mjs URL CODEC SECONDS; prints one line of JSON.
import ndc from 'node-datachannel';
import { isRtcp } from './media.mjs';
import { Trial } from './trial.mjs';

const trial = new Trial('libdatachannel');
const ssrc = 0x1234567;
const peer = new ndc.PeerConnection('client', { iceServers: [] });
const media = new ndc.Video('video', 'SendRecv');
if (trial.codec === 'H264') media.addH264Codec(trial.payloadType, 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1');
else media.addVP8Codec(trial.payloadType);
media.addSSRC(ssrc, 'camera', 'camera', 'camera');
const track = peer.addTrack(media);
// Without it no key frame can be asked for.
track.setMediaHandler(new ndc.RtcpReceivingSession());
track.onMessage((packet) => {
  if (!isRtcp(packet)) trial.received(packet);
});
track.onOpen(() => trial.connected(ssrc, (packet) => track.isOpen() && track.sendMessageBinary(packet)));
trial.onWaiting = () => track.isOpen() && track.requestKeyframe();
const control = peer.createDataChannel('control');
control.onOpen(() => (trial.send = (text) => control.sendMessage(text)));
control.onMessage((text) => trial.message(text));
// The event of the end of gathering is lost now and then, so the state is looked at as well.
let asked = false;
const ask = async () => {
  if (asked || peer.gatheringState() !== 'complete') return;
  asked = true;
  clearInterval(looking);
  const answer = await trial.whip(peer.localDescription().sdp);
  if (answer) peer.setRemoteDescription(answer, 'answer');
};
const looking = setInterval(ask, 100);
peer.onGatheringStateChange(ask);
peer.setLocalDescription();
