// Share: let others watch, let OBS send, and the same thing without a page.
import { $, h, say, tab } from './dom.js';

export function share(live) {
  const origin = location.origin;
  const session = live.transport?.session;
  const key = tab.get('key') ? " -H 'Authorization: Bearer KEY'" : '';
  const quoted = (text) => `'${JSON.stringify(text).replaceAll("'", "'\\''")}'`;
  const [model, size, prompt, strength] = ['model', 'size', 'prompt', 'strength'].map((id) => $(id).value);
  const rows = [
    session ? ['Watch this session', 'Anyone who reaches this server sees the made picture with its own truth strip (WHEP).', `${origin}/viewer.html?session=${session.session}`]
      : ['Watch this session', 'Start a session first; then there is an address for viewers.', null],
    ['Send from OBS', 'In OBS: Settings, Stream, Service “WHIP”. The made picture comes back to the page that watches.', `${origin}/whip?${new URLSearchParams({ model, size, ...(prompt ? { prompt } : {}) })}`],
    session ? ['Change the prompt of this session', 'What Apply does, from a terminal or a script.', `curl -X PATCH${key} -H 'Content-Type: application/json' ${origin}/v1/sessions/${session.session} -d ${quoted({ prompt, strength: Number(strength) })}`] : null,
    ['Make a clip with this prompt', 'The same look on a file, without this page.', `truelive clip input.mp4 --prompt ${quoted(prompt || 'ink')} -o output.mp4`],
    ['Measure this server', 'The probe looks at it from outside.', `truelive probe truelive ${origin}`],
  ].filter(Boolean);
  $('sheet').classList.remove('full');
  $('sheet').replaceChildren(h('h2', { id: 'sheet-title' }, 'Share'), ...rows.map(([title, words, text]) => h('div.copy', {}, h('p', {}, h('b', {}, title), h('span.note', {}, ` ${words}`)),
    ...(text ? [h('code', { tabIndex: 0 }, text), h('button', { type: 'button', onclick: (event) => copy(text, event.target) }, 'Copy')] : []))),
  h('form', { method: 'dialog' }, h('button.primary', {}, 'Close')));
  $('sheet').showModal();
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
