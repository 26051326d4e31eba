// Controls for what a model lets its user set: made from its declaration, sent when they are changed.
import { $, askJson, h } from './dom.js';

let shown = null;

// Every model has these, and few sessions need them.
const ofAll = ({ id }) => /^(mask|palette)(_|$)/.test(id);
const used = h('span.note', { id: 'parameters-used' });
const more = h('details.wide', {}, h('summary', {}, 'Person, background, palette', used), h('div.dials'));

/**
 * Shows a model's parameters with the values in force; `set` gets those that the user changes, as `{ id: value }`. A control that is being
 * changed is left alone.
 */
export function show(declared, values, set) {
  if (shown !== declared) {
    shown = declared;
    const make = (p) => control(p, (changed) => (set(changed), tellUsed()));
    const rest = declared.filter(ofAll).map(make);
    more.lastChild.replaceChildren(...rest);
    $('parameters').replaceChildren(...declared.filter((p) => !ofAll(p)).map(make), ...(rest.length ? [more] : []));
  }
  for (const p of declared) {
    const input = $(`parameter-${p.id}`);
    const value = values[p.id] ?? p.default ?? '';
    if (!input || (input === document.activeElement && p.kind !== 'image')) continue;
    if (p.kind === 'flag') input.checked = value === 'true';
    else if (p.kind === 'image') $(`${input.id}-clear`).hidden = !value;
    else input.value = value;
    tell(p, input);
  }
  tellUsed();
}

function tellUsed() {
  const differs = ({ id, kind, default: usual = '' }) =>
    kind === 'image' ? !$(`parameter-${id}-clear`).hidden : $(`parameter-${id}`).value !== String(usual);
  used.textContent = shown.filter(ofAll).some(differs) ? ' · in use' : '';
}

function control(p, set) {
  const id = `parameter-${p.id}`;
  const title = p.when === 'load' ? `${p.title} (the memory begins anew)` : p.title;
  if (p.kind === 'flag')
    return h('label.check', {}, h('input', { id, type: 'checkbox', onchange: (e) => set({ [p.id]: e.target.checked }) }), ` ${title}`);
  if (p.kind === 'choice')
    return h(
      'label.field',
      {},
      title,
      h('select', { id, onchange: (e) => set({ [p.id]: e.target.value }) }, ...(p.choices ?? []).map((c) => new Option(c))),
    );
  if (p.kind === 'image') return picture(p, id, title, set);
  if (p.kind === 'text')
    return h('label.field', {}, title, h('input', { id, maxLength: 200, onchange: (e) => set({ [p.id]: e.target.value }) }));
  const bounds = {
    id,
    min: p.min,
    max: p.max,
    step: p.step ?? 'any',
    onchange: (e) => e.target.value !== '' && set({ [p.id]: Number(e.target.value) }),
  };
  // On a slider with thousands of steps, a single one cannot be hit.
  const slides = p.min !== undefined && p.max !== undefined && (p.max - p.min) / (p.step ?? 0.01) <= 1000;
  return slides
    ? h(
        'label.dial',
        {},
        title,
        h('output', { id: `${id}-value`, for: id }),
        h('input', { ...bounds, type: 'range', oninput: (e) => tell(p, e.target) }),
      )
    : h('label.field', {}, title, h('input', { ...bounds, type: 'number' }));
}

// The server decodes the file and returns its id, which is the value.
function picture(p, id, title, set) {
  const note = h('span.note', { id: `${id}-note`, role: 'status' });
  const seen = h('img.reference', { id: `${id}-seen`, alt: `The picture of ${p.title}`, hidden: true });
  // Of two that are sent at once, the later one counts, whichever is answered first.
  let latest;
  const send = async (file) => {
    if (!file) return;
    latest = file;
    note.textContent = 'Sending…';
    try {
      const sent = await askJson('/v1/pictures', { method: 'POST', body: file });
      if (latest !== file) return;
      clear.hidden = false;
      set({ [p.id]: sent.id });
      note.textContent = '';
      URL.revokeObjectURL(seen.src);
      seen.src = URL.createObjectURL(file);
      seen.hidden = false;
    } catch (error) {
      if (latest === file) note.textContent = error.message;
    }
  };
  const drop = () => {
    latest = null;
    note.textContent = '';
    URL.revokeObjectURL(seen.src);
    $(id).value = '';
    clear.hidden = seen.hidden = true;
    set({ [p.id]: '' });
  };
  const clear = h('button', { id: `${id}-clear`, type: 'button', hidden: true, onclick: drop }, 'Use none');
  return h(
    'div.field',
    {
      ondragover: (e) => e.preventDefault(),
      ondrop: (e) => {
        e.preventDefault();
        send(e.dataTransfer.files[0]);
      },
    },
    title,
    h(
      'label.button',
      {},
      h('span.sr', {}, `${title}: `),
      'Choose or drop a picture',
      h('input.sr', { id, type: 'file', accept: 'image/*', onchange: (e) => send(e.target.files[0]) }),
    ),
    seen,
    clear,
    note,
  );
}

function tell(p, input) {
  const output = $(`parameter-${p.id}-value`);
  if (output) output.textContent = input.value;
}
