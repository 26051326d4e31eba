// Share: let others watch, let OBS send, and the same thing without a page.
import { $, h, post, say, tab } from './dom.js';

export function share(live) {
  const origin = location.origin;
  const session = live.transport?.session;
  const key = tab.get('key') ? " -H 'Authorization: Bearer KEY'" : '';
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const [model, size, prompt, strength] = ['model', 'size', 'prompt', 'strength'].map((id) => $(id).value);
  const obs = h('button', { type: 'button', id: 'obs', onclick: () => forObs({ model, size, prompt, strength: Number(strength) }, obs) }, 'Make the two addresses');
  const rows = [
    session ? ['Watch this session', 'Anyone who reaches this server sees the made picture with its own truth strip (WHEP).', `${origin}/viewer.html?session=${session.session}`]
      : ['Watch this session', 'Start a session first; then there is an address for viewers.', null],
['Send from OBS', 'Settings, Stream, Service “WHIP”, with this address; the made picture is watched at the viewer address that comes with it.', null, obs],
    session ? ['Change the prompt of this session', 'What Apply does, from a terminal or a script.', `curl -X PATCH${key} -H 'Content-Type: application/json' ${origin}/v1/sessions/${session.session} -d ${quoted(JSON.stringify({ prompt, strength: Number(strength) }))}`] : null,
    ['Make a clip with this prompt', 'The same look on a file, without this page.', `truelive clip input.mp4 --prompt ${quoted(prompt || 'ink')} -o output.mp4`],
    ['Measure this server', 'The probe looks at it from outside.', `truelive probe truelive ${origin}`],
  ].filter(Boolean);
  $('sheet').classList.remove('full');
  $('sheet').replaceChildren(h('h2', { id: 'sheet-title' }, 'Share'), ...rows.map(([title, words, text, more]) => h('div.copy', {}, h('p', {}, h('b', {}, title), h('span.note', {}, ` ${words}`)), ...line(text), more)),
  h('form', { method: 'dialog' }, h('button.primary', {}, 'Close')));
  $('sheet').showModal();
}

const line = (text) => (text ? [h('code', { tabIndex: 0 }, text), h('button', { type: 'button', onclick: (event) => copy(text, event.target) }, 'Copy')] : []);

// A session that waits for OBS, and where to watch it.
async function forObs(wanted, button) {
  try {
    const session = await post('/v1/sessions', wanted);
    button.replaceWith(...line(location.origin + session.whip), ...line(`${location.origin}/viewer.html?session=${session.id}`), h('p.note', {}, 'The place is kept for a minute: start the stream in OBS now. With an API key, enter it in OBS as the bearer token.'));
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
