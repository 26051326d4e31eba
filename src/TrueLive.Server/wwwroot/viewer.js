// A viewer of somebody's live session over WHEP, with a truth strip of its own.
import { Control } from './control.js';
import { $, ask, askJson, say, tab, trouble } from './dom.js';
import { Figures } from './stats.js';
import { TruthStrip } from './truth.js';

const id = new URLSearchParams(location.search).get('session') ?? '';

/** What the truth strip asks of a session. A viewer does not know when the other's camera took a frame: that stays unmeasured. */
const watched = { figures: new Figures(), state: 'idle', startedAt: null, transport: null, path: null };
window.trueLive = watched;
new TruthStrip($('truth'), watched);

async function watch() {
  trouble(null);
  watched.state = 'connecting';
  try {
    const session = await askJson(`/v1/sessions/${encodeURIComponent(id)}`);
    $('key-form').hidden = true;
    const peer = new RTCPeerConnection();
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    const channel = peer.createDataChannel('control');
    const control = new Control((text) => channel.send(text));
    const [traces, shown] = [new Map(), new Map()];
    const join = (stamp) => {
      if (!traces.has(stamp) || !shown.has(stamp)) return;
      watched.figures.frame({ trace: traces.get(stamp), capturedAt: null, displayedAt: shown.get(stamp) });
      traces.delete(stamp);
      shown.delete(stamp);
    };
    const keep = (map, stamp, value) => {
      map.set(stamp, value);
      if (map.size > 120) map.delete(map.keys().next().value);
      join(stamp);
    };
    channel.onmessage = ({ data }) => control.receive(data);
    control.addEventListener('frame', ({ detail }) => keep(traces, detail.output_media_time, detail));
    const view = Object.assign(document.createElement('video'), { muted: true, autoplay: true, playsInline: true, controls: false });
    $('output').replaceChildren(view);
    peer.ontrack = ({ track, receiver }) => {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      view.srcObject ??= new MediaStream();
      view.srcObject.addTrack(track);
    };
    const seen = (now, meta) => {
      view.requestVideoFrameCallback(seen);
      keep(shown, meta.rtpTimestamp, Math.max(meta.presentationTime, meta.expectedDisplayTime));
    };
    view.requestVideoFrameCallback?.(seen);
    await peer.setLocalDescription();
    const response = await ask(`/whep/${encodeURIComponent(id)}`, { method: 'POST', body: peer.localDescription.sdp, headers: { 'Content-Type': 'application/sdp' } });
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    Object.assign(watched, { state: 'live', startedAt: performance.now(), path: 'WHEP', transport: { session: { session: id, model: session.model } } });
    document.body.dataset.session = 'live';
    say(`Watching ${session.model} at ${session.size}${session.prompt.text ? `: “${session.prompt.text}”` : ''}.`);
    addEventListener('pagehide', () => fetch(response.headers.get('Location'), { method: 'DELETE', keepalive: true }));
    const lost = () => {
      Object.assign(watched, { state: 'idle', transport: null, startedAt: null });
      document.body.dataset.session = 'idle';
      say('Over.');
      trouble('The session is over, or the connection broke.', [['Connect again', watch]]);
    };
    peer.onconnectionstatechange = () => ['failed', 'closed'].includes(peer.connectionState) && lost();
    channel.onclose = lost;
  } catch (error) {
    watched.state = 'idle';
    $('key-form').hidden = error.kind !== 'key';
    say('Not connected.');
    trouble(error.kind === 'gone' ? 'There is no such session: it has ended, or the address is cut off.' : error.message, [['Try again', watch]]);
  }
}

setInterval(() => {
  const { lastShownAt, lastOrigin } = watched.figures;
  const age = lastShownAt === null ? null : performance.now() - lastShownAt;
  const words = watched.state !== 'live' ? '' : age === null ? 'Waiting for the first picture' : age > 700 ? `Frozen: this picture is ${(age / 1000).toFixed(1)} s old`
    : lastOrigin === 'passed_through' ? 'Passed through: not made by a network' : lastOrigin === 'repeated' ? 'Repeated: not a new picture' : '';
  $('picture-mark').hidden = !words;
  $('picture-mark').textContent = words;
  $('stage').dataset.mark = age !== null && age > 700 ? 'frozen' : lastOrigin === 'passed_through' ? 'passed' : 'fresh';
}, 250);
$('key-form').onsubmit = (event) => {
  event.preventDefault();
  tab.set('key', $('key').value);
  watch();
};
$('fullscreen').onclick = () => $('stage').requestFullscreen?.();
watch();
