// The shell around the screens: navigation, the API key, the theme, and what the server can do.
import { $, askJson, device, h, say, tab, trouble } from './dom.js';
import { Live } from './live.js';

const screens = {
  interactive: () => import('./interactive.js'),
  clips: () => import('./clips.js'),
  probe: () => import('./probe.js'),
  tiers: () => import('./tiers.js'),
};
const names = { live: 'Live', interactive: 'Interactive', clips: 'Clips', tiers: 'Three tiers', probe: 'Probe' };
// What the truth strip says without a live session. Number 0 stands for no tier.
const kinds = {
  interactive: {
    number: 2,
    title: 'Interactive: made again when you ask',
    words: 'Tier 2. A short clip is made again after each change. It answers you, not the camera; its times stand beside each revision.',
  },
  clips: {
    number: 1,
    title: 'Clip: a finished file',
    words: 'Tier 1. A file is made from a file. It never answers new input; its progress and rate stand in the queue.',
  },
  probe: {
    number: 0,
    title: 'The probe looks from outside',
    words:
      'The probe believes nothing that a server says about itself, this one included. Its figures come from what it sent and what came back.',
  },
};
const live = new Live();
// The open screen's `leave` function, and the command lines that do the same without this page.
let screen = null;
let opening = 0;

/** For tests, and for the console. */
window.trueLive = live;

async function show() {
  const wanted = location.hash.slice(1).split('/')[0];
  const name = wanted in screens ? wanted : 'live';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${names[name]} · TrueLive studio`;
  const mine = ++opening;
  screen?.leave();
  screen = null;
  if ($('sheet').open) $('sheet').close();
  live.truth.watch(live.session, kinds[name]);
  $('live').hidden = name !== 'live';
  $('other').hidden = name === 'live';
  if (wanted === 'streams') {
    $('streams').open = true;
    $('streams').scrollIntoView();
  }
  if (name === 'live') return;
  $('other').replaceChildren(h('p.note', {}, 'Opening…'));
  try {
    const { open } = await screens[name]();
    const box = h('div', { className: `page ${name}` });
    if (mine !== opening) return;
    $('other').replaceChildren(box);
    screen = open(box, live);
  } catch (error) {
    if (mine === opening) $('other').replaceChildren(h('p', {}, `This screen could not be opened: ${error.message}`));
  }
}

async function describeServer() {
  try {
    const server = await askJson('/v1/capabilities');
    $('key-form').hidden = true;
    trouble(null);
    live.meet(server);
    return true;
  } catch (error) {
    $('key-form').hidden = error.kind !== 'key';
    trouble(error.message, error.kind === 'key' ? [] : [['Try again', describeServer]]);
  }
}

$('key-form').onsubmit = async (event) => {
  event.preventDefault();
  tab.set('key', $('key').value);
  // The open screen may have been refused without the key.
  if ((await describeServer()) && $('live').hidden) show();
};
// The browser would open a file dropped outside a drop zone in place of the page, which would end the session.
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  if (event.defaultPrevented) return;
  event.preventDefault();
  if (!$('live').hidden) live.dropped(event.dataTransfer.files);
});
$('keys').checked = device.get('keys') !== 'off';
$('keys').onchange = () => device.set('keys', $('keys').checked ? null : 'off');
$('theme').onclick = () => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme || (dark ? 'dark' : 'light');
  document.documentElement.dataset.theme = now === 'dark' ? 'light' : 'dark';
  device.set('theme', document.documentElement.dataset.theme);
};
$('share').onclick = async () => {
  const { share } = await import('./share.js');
  share(live, screen?.commands?.()).catch((error) => trouble(error.message));
};
$('recordings').ontoggle = async () => (await import('./recordings.js')).open($('recordings'), live);
$('streams').ontoggle = async () => (await import('./streams.js')).open($('streams'), live);
$('sheet').addEventListener('click', (event) => {
  if (event.target === $('sheet')) $('sheet').close();
});
addEventListener('hashchange', () => {
  show();
  $('main').focus({ preventScroll: true });
});
document.addEventListener('keydown', (event) => {
  if (
    event.target.matches('input:not([type=range], [type=radio]), select, textarea') ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    $('sheet').open
  )
    return;
  if (event.key === ' ' && event.target.matches('button, a, input')) return;
  if (!$('live').hidden && $('keys').checked && live.key(event.key)) event.preventDefault();
});
// Shows what the server has run out of: clips and uploads wait, live sessions continue.
async function showShortages() {
  let short = [];
  if (!document.hidden) {
    try {
      ({ short = [] } = await (await fetch('readyz')).json());
    } catch {
      // Other requests report a server that does not answer.
    }
    const words = short.map((s) => s.words).join(' ');
    if ($('short').textContent !== words) $('short').textContent = words;
    $('short').hidden = words === '';
  }
  setTimeout(showShortages, 15_000);
}

show();
describeServer();
showShortages();
if (!('requestVideoFrameCallback' in HTMLVideoElement.prototype))
  say('This browser cannot say when a picture is shown: glass to glass is not measured.');
