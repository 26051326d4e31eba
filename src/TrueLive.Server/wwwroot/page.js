import { Refused } from './control.js';
import { sources } from './sources.js';
import { Figures } from './stats.js';
import { WebRtcTransport } from './transport-webrtc.js';
import { JpegTransport } from './transport-ws.js';

const $ = (id) => document.getElementById(id);
const AWAY_LIMIT = 60_000;
let source = null;
let transport = null;
let figures = new Figures();
let drops = null;
let wanted = false;

/** What tests and the curious read. */
window.trueLive = { get transport() { return transport; }, get source() { return source; }, get figures() { return figures; } };

function say(words) {
  $('state').textContent = words;
}

function trouble(words) {
  $('trouble').hidden = !words;
  $('trouble').textContent = words ?? '';
}

async function describeServer() {
  const key = sessionStorage.getItem('key');
  const response = await fetch('/v1/capabilities', { headers: key ? { Authorization: `Bearer ${key}` } : {} }).catch(() => null);
  if (!response) return trouble('The server cannot be reached. Is it running?');
  $('key-form').hidden = response.status !== 401;
  if (!response.ok) return trouble(response.status === 401 ? 'This server asks for an API key.' : `The server answered ${response.status}.`);
  trouble(null);
  const server = await response.json();
  $('model').replaceChildren(...server.models.map((m) => new Option(m.title, m.id, m.id === server.default_model, m.id === server.default_model)));
  if (![...$('size').options].some((o) => o.value === server.default_size)) $('size').add(new Option(server.default_size));
  $('size').value = server.default_size;
  const showLooks = () => {
    const model = server.models.find((m) => m.id === $('model').value);
    $('looks').replaceChildren(...model.looks.map((look) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', textContent: look.title, title: look.description });
      button.dataset.look = look.id;
      button.onclick = () => {
        $('prompt').value = look.id;
        sendPrompt();
      };
      return button;
    }));
  };
  $('model').addEventListener('change', showLooks);
  showLooks();
}

async function start() {
  trouble(null);
  wanted = true;
  $('start').textContent = 'Stop';
  try {
    say('Opening the input…');
    source = await sources[$('source').value]($('file').files[0]);
    source.addEventListener('ended', () => stop('The input ended.'));
    $('input').append(source.view);
    await connect();
  } catch (error) {
    stop();
    explain(error);
  }
}

function request() {
  return {
    model: $('model').value, size: $('size').value, prompt: $('prompt').value, strength: $('strength').value,
    token: sessionStorage.getItem('token'), key: sessionStorage.getItem('key'),
  };
}

async function connect() {
  say('Connecting…');
  const only = new URLSearchParams(location.search).get('transport');
  const ways = only === 'ws' ? [JpegTransport] : only === 'webrtc' ? [WebRtcTransport] : [WebRtcTransport, JpegTransport];
  for (const way of ways) {
    try {
      adopt(await way.open(source, request()), way);
      return;
    } catch (error) {
      if (error.kind === 'gone' && sessionStorage.getItem('token')) {
        sessionStorage.removeItem('token');
        return connect();
      }
      if (error.kind !== 'network' || way === ways.at(-1)) throw error;
      say(`${error.message} Trying ${JpegTransport.label}…`);
    }
  }
}

function adopt(opened, way) {
  transport = opened;
  figures = new Figures();
  sessionStorage.setItem('token', transport.session.token);
  $('output').querySelector('video,canvas')?.remove();
  $('output').append(transport.view);
  $('pause').disabled = false;
  const { session } = transport;
  say(session.resumed ? `Back in the session. ${session.resumed.lost}` : `Live: ${session.model} at ${session.size}.`);
  $('prompt').value ||= session.prompt.text;
  showReading(session.prompt);
  transport.path().then((path) => ($('way').textContent = `${way.label}${path && path !== 'websocket' ? ` over ${path.toUpperCase()}` : ''}`));
  transport.addEventListener('frame', ({ detail }) => figures.frame(detail));
  transport.addEventListener('closed', ({ detail }) => comeBack(detail.words));
  transport.control.addEventListener('stats', ({ detail }) => (drops = detail.dropped));
  transport.control.addEventListener('state', ({ detail }) => {
    if (detail.state === 'paused') say('Paused.');
    if (detail.state === 'live' && $('state').textContent === 'Paused.') say('Live.');
    if (detail.state === 'ended') stop(detail.reason);
  });
}

async function comeBack(words) {
  transport?.close(false);
  transport = null;
  const since = performance.now();
  for (let wait = 250; wanted && performance.now() - since < AWAY_LIMIT; wait = Math.min(4000, wait * 2)) {
    say(`${words} Connecting again…`);
    try {
      return await connect();
    } catch (error) {
      if (error.kind !== 'network' && error.kind !== 'unreachable') {
        stop();
        return explain(error);
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  if (wanted) stop(words);
}

function stop(words = 'Stopped.') {
  wanted = false;
  transport?.close(true);
  transport = null;
  sessionStorage.removeItem('token');
  source?.stop();
  source?.view.remove();
  source = null;
  $('start').textContent = 'Start';
  $('pause').disabled = true;
  $('way').textContent = 'not connected';
  say(words);
}

function explain(error) {
  if (error.kind === 'key') $('key-form').hidden = false;
  const again = error.retryAfter ? ` It may have room in ${error.retryAfter} s.` : '';
  trouble(error instanceof Refused ? error.message + again : `Something unexpected failed: ${error.message}`);
}

async function sendPrompt() {
  showPressed($('prompt').value);
  if (!transport) return;
  const { accepted, applied } = transport.control.command('prompt', { text: $('prompt').value, strength: Number($('strength').value) });
  try {
    showReading((await accepted).prompt);
    const first = await applied;
    figures.promptToPicture = performance.now() - first.sentAt;
  } catch (error) {
    trouble(error.message);
  }
}

function showPressed(text) {
  for (const button of $('looks').children) button.setAttribute('aria-pressed', String(button.dataset.look === text));
}

function showReading(prompt) {
  const looks = prompt.looks.map((l) => `${l.look} ${Math.round(l.weight * 100)} %`).join(', ');
  const unknown = prompt.unknown_words.length ? ` Not understood: ${prompt.unknown_words.join(', ')}.` : '';
  $('reading').textContent = prompt.note ?? ((looks ? `Understood as ${looks}.` : prompt.text ? 'The picture is kept as it is.' : '') + unknown);
  showPressed(prompt.text);
}

function showFigures() {
  const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const { shown, latency, step, promptToPicture } = figures;
  const rate = transport && shown.rate();
  $('fps').textContent = rate ? `${rate.toFixed(1)} frames/s (n=${shown.count})` : 'not measured';
  $('latency').textContent = transport && latency.count
    ? `p50 ${ms(latency.quantile(0.5))}, p99 ${ms(latency.quantile(0.99))} (n=${latency.count} of ${shown.count})` : 'not measured';
  $('step').textContent = transport && step.count ? `p50 ${ms(step.quantile(0.5))} (n=${step.count})` : 'not measured';
  $('prompt-time').textContent = promptToPicture === null ? 'not measured' : ms(promptToPicture);
  if (drops) {
    const parts = Object.entries(drops).filter(([, n]) => n).map(([why, n]) => `${n} ${why.replaceAll('_', ' ')}`);
    $('drops').textContent = parts.join(', ') || '0';
    if (transport && rate && rate < 0.8 * 30 && drops.replaced) $('output-caption').textContent = 'Output (the machine is slower than the input: newest frames only)';
    else $('output-caption').textContent = 'Output';
  }
}

$('start-form').onsubmit = (event) => {
  event.preventDefault();
  if (wanted) stop();
  else start();
};
$('prompt-form').onsubmit = (event) => {
  event.preventDefault();
  sendPrompt();
};
$('strength').onchange = sendPrompt;
$('key-form').onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem('key', $('key').value);
  describeServer();
};
$('source').onchange = () => ($('file').hidden = $('source').value !== 'file');
$('view').onchange = () => ($('stage').className = $('view').value);
$('split').oninput = () => $('stage').style.setProperty('--split', `${$('split').value}%`);
$('model').addEventListener('change', () => transport?.control.command('model', { model: $('model').value }).accepted.catch((e) => trouble(e.message)));
$('size').onchange = () => transport?.control.command('model', { size: $('size').value }).accepted.catch((e) => trouble(e.message));
$('pause').onclick = () => {
  const pause = $('pause').getAttribute('aria-pressed') !== 'true';
  $('pause').setAttribute('aria-pressed', String(pause));
  transport?.control.command(pause ? 'pause' : 'resume');
};
document.addEventListener('keydown', (event) => {
  if (event.target.matches('input, select, textarea') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === ' ' && !event.target.matches('button') && !$('pause').disabled) $('pause').click();
  else if (event.key === '/') $('prompt').focus();
  else if (event.key >= '1' && event.key <= '9') $('looks').children[event.key - 1]?.click();
  else return;
  event.preventDefault();
});
addEventListener('pagehide', () => transport?.close(false));
setInterval(showFigures, 500);
describeServer();
