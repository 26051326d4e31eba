// Share: let others watch, let OBS send, and the same thing without a page.
import { $, askJson, at, h, post, say, tab } from './dom.js';

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const here = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);

/** One curl line for a request of this page. */
export function curl(method, path, body) {
  const key = tab.get('key') ? " -H 'Authorization: Bearer KEY'" : '';
  return `curl -X ${method}${key}${body ? " -H 'Content-Type: application/json'" : ''} ${location.origin}${at(path)}${body ? ` -d ${quoted(JSON.stringify(body))}` : ''}`;
}

/** A command line of this product with the given arguments. */
export const command = (...words) => ['truelive', ...words.map((w) => (/^[\w./:=-]+$/.test(w) ? w : quoted(w)))].join(' ');

/** `rows` are what the open screen gives: [title, words, line] each. */
export async function share(live, rows) {
  const session = live.transport?.session;
  const [model, size, prompt, strength] = ['model', 'size', 'prompt', 'strength'].map((id) => $(id).value);
  const obs = h(
    'button',
    { type: 'button', id: 'obs', onclick: () => forObs({ model, size, prompt, strength: Number(strength) }, obs) },
    'Make the two addresses',
  );
  const { whep } = session ? await askJson(`/v1/sessions/${session.session}`) : {};
  const reach = here ? 'This address works on this machine only.' : 'Whoever has this address sees the made picture, and cannot change it.';
  const all = [
    session
      ? ['Watch this session', `${reach} With its own truth strip (WHEP).`, viewer(whep)]
      : ['Watch this session', 'Start a session first; then there is an address for viewers.', null],
    [
      'Send from OBS',
      'Settings, Stream, Service “WHIP”, with this address; the made picture is watched at the viewer address that comes with it.',
      null,
      obs,
    ],
    ...(rows ??
      [
        session
          ? [
              'Change the prompt of this session',
              'What Apply does, from a terminal or a script.',
              curl('PATCH', `/v1/sessions/${session.session}`, { prompt, strength: Number(strength) }),
            ]
          : null,
        [
          'Make a clip with this prompt',
          'The same look on a file, without this page.',
          command('clip', 'input.mp4', '--prompt', prompt || 'ink', '-o', 'output.mp4'),
        ],
      ].filter(Boolean)),
  ];
  $('sheet').classList.remove('full');
  $('sheet').replaceChildren(
    h('h2', { id: 'sheet-title' }, 'Share'),
    ...all.map(([title, words, text, more]) =>
      h('div.copy', {}, h('p', {}, h('b', {}, title), h('span.note', {}, ` ${words}`)), ...copied(text), more),
    ),
    h('form', { method: 'dialog' }, h('button.primary', {}, 'Close')),
  );
  $('sheet').showModal();
}

/** The viewer page for a WHEP address of this server: `/whep/ID`, or with the token that opens it. */
export function viewer(whep) {
  const { pathname, searchParams } = new URL(whep, location.origin);
  const token = searchParams.get('token');
  return `${location.origin}${at('/viewer.html')}?session=${pathname.split('/').at(-1)}${token ? `&token=${token}` : ''}`;
}

/** A line with a button that copies it. */
export const copied = (text) =>
  text ? [h('code', { tabIndex: 0 }, text), h('button', { type: 'button', onclick: (event) => copy(text, event.target) }, 'Copy')] : [];

/** Puts a session that waits for OBS, and where to watch it, in place of a button. */
export async function forObs(wanted, button) {
  try {
    const session = await post('/v1/sessions', wanted);
    button.replaceWith(
      ...copied(location.origin + at(session.whip)),
      ...copied(viewer(session.whep)),
      h(
        'p.note',
        {},
        'The place is kept for a minute: start the stream in OBS now. Stop and Start keep both addresses, with no more than a minute between them. With an API key, enter it in OBS as the bearer token.',
      ),
    );
  } catch (error) {
    button.replaceWith(h('p', {}, error.message));
  }
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
    say('Copied.');
  } catch {
    // Pages without https may not write to the clipboard: the text is selected instead.
    getSelection().selectAllChildren(button.previousSibling);
    button.textContent = 'Selected';
  }
}
