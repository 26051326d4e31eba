// A viewer of somebody's live session over WHEP, with a truth strip of its own.
import { Control } from './control.js';
import { $, ask, askJson, at, say, tab, trouble, withKey } from './dom.js';
import { Figures, markOf } from './stats.js';
import { TruthStrip } from './truth.js';

const [id, token] = ['session', 'token'].map((name) => new URLSearchParams(location.search).get(name) ?? '');
// The token lets those without a key watch, and nothing else.
const address = `/whep/${encodeURIComponent(id)}${token ? `?token=${token}` : ''}`;

/** What the truth strip asks of a session. A viewer does not know when the other's camera took a frame: that stays unmeasured. */
const watched = { figures: new Figures(), state: 'idle', startedAt: null, transport: null, path: null };
window.trueLive = watched;
new TruthStrip($('truth'), watched);

// The page's connection; what an older one still sends is ignored.
let current = null;
// Answers and messages may arrive in any order, so each sets only its own part: the settings, or the session's state.
let flows = '';
let standing = null;

async function watch() {
  trouble(null);
  leave();
  standing = null;
  watched.state = 'connecting';
  const peer = (current = new RTCPeerConnection());
  try {
    const session = await askJson(address);
    $('key-form').hidden = true;
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    const channel = peer.createDataChannel('control');
    const control = new Control((text) => channel.send(text));
    const [traces, shown] = [new Map(), new Map()];
    watched.figures = new Figures();
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
    control.addEventListener('state', ({ detail }) => {
      if (peer !== current) return;
      standing = detail;
      speak();
    });
    let revision = session.prompt.revision;
    channel.onmessage = ({ data }) => control.receive(data);
    control.addEventListener('frame', ({ detail }) => {
      keep(traces, detail.output_media_time, detail);
      if (detail.revision <= revision) return;
      revision = detail.revision;
      askJson(address).then(
        (now) => peer === current && tell(now),
        () => {},
      );
    });
    const view = Object.assign(document.createElement('video'), { muted: true, autoplay: true, playsInline: true, controls: false });
    $('output').replaceChildren(view);
    peer.ontrack = ({ track, receiver }) => {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      view.srcObject ??= new MediaStream();
      view.srcObject.addTrack(track);
    };
    const seen = (now, meta) => {
      if (peer !== current) return;
      view.requestVideoFrameCallback(seen);
      const displayedAt = Math.max(meta.presentationTime, meta.expectedDisplayTime);
      watched.figures.displayed(displayedAt);
      keep(shown, meta.rtpTimestamp, displayedAt);
    };
    view.requestVideoFrameCallback?.(seen);
    await peer.setLocalDescription();
    const response = await ask(address, {
      method: 'POST',
      body: peer.localDescription.sdp,
      headers: { 'Content-Type': 'application/sdp' },
    });
    peer.resource = response.headers.get('Location');
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    Object.assign(watched, {
      state: 'live',
      startedAt: performance.now(),
      path: 'WHEP',
      transport: { session: { session: id, model: session.model } },
    });
    document.body.dataset.session = 'live';
    standing ??= session;
    tell(session);
    // While no picture comes, ask the server why.
    const look = setInterval(
      () =>
        peer !== current || watched.figures.delivered.count
          ? clearInterval(look)
          : askJson(address).then(
              (now) => peer === current && tell(now),
              () => {},
            ),
      3000,
    );
    const lost = () => {
      if (peer !== current) return;
      leave();
      say('Over.');
      trouble('The session is over, or the connection broke.', [['Connect again', watch]]);
    };
    peer.onconnectionstatechange = () => ['failed', 'closed'].includes(peer.connectionState) && lost();
    channel.onclose = lost;
  } catch (error) {
    if (peer !== current) return;
    leave();
    $('key-form').hidden = error.kind !== 'key';
    say('Not connected.');
    trouble(error.kind === 'gone' ? 'There is no such session: it has ended, or the address is cut off.' : error.message, [
      ['Try again', watch],
    ]);
  }
}

/** Takes over the server's current view of the session. */
function tell({ model, size, prompt, input_problem: problem, digital_source_type: made }) {
  $('ai-mark').hidden = !made;
  if (problem) trouble(problem);
  watched.transport.session.model = model;
  flows = `Watching ${model} at ${size}${prompt.text ? `: “${prompt.text}”` : ''}.`;
  speak();
}

/** Says what is watched or, while no new pictures come, why. */
function speak() {
  const { state, reason } = standing;
  const words = {
    created: 'Waiting for the sender.',
    paused: 'Paused: the last picture stays.',
    detached: `The sender is away: the last picture stays, and it goes on here when the sender comes back. ${reason ?? ''}`,
  };
  say(words[state] ?? flows);
}

function leave() {
  const peer = current;
  current = null;
  if (peer?.resource) fetch(at(peer.resource), { method: 'DELETE', headers: withKey(), keepalive: true }).catch(() => {});
  peer?.close();
  Object.assign(watched, { state: 'idle', transport: null, startedAt: null });
  document.body.dataset.session = 'idle';
}

addEventListener('pagehide', leave);
setInterval(() => {
  const { mark, words, age } = watched.state === 'live' ? markOf(watched.figures) : { mark: 'fresh', words: '' };
  $('picture-mark').hidden = !words;
  if ($('picture-mark').textContent !== words) $('picture-mark').textContent = words;
  $('picture-mark').dataset.age = mark === 'frozen' ? `: this picture is ${(age / 1000).toFixed(1)} s old` : '';
  $('stage').dataset.mark = mark;
}, 250);
$('key-form').onsubmit = (event) => {
  event.preventDefault();
  tab.set('key', $('key').value);
  watch();
};
$('fullscreen').onclick = () => $('stage').requestFullscreen?.();
watch();
