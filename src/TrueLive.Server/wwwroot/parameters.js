// Controls for what a model lets its user set: made from its declaration, sent when they are changed.
import { $, h } from './dom.js';

let shown = null;

/**
 * Shows a model's parameters with the values in force; `set` gets those that the user changes, as `{ id: value }`. What is being changed at
 * this moment is left alone.
 */
export function show(declared, values, set) {
  if (shown !== declared) {
    shown = declared;
    $('parameters').replaceChildren(...declared.filter((p) => p.kind !== 'image').map((p) => control(p, set)));
  }
  for (const p of declared) {
    const input = $(`parameter-${p.id}`);
    const value = values[p.id] ?? p.default ?? '';
    if (!input || input === document.activeElement) continue;
    if (p.kind === 'flag') input.checked = value === 'true';
    else input.value = value;
    tell(p, input);
  }
}

function control(p, set) {
  const id = `parameter-${p.id}`;
  const title = p.when === 'load' ? `${p.title} (the memory begins anew)` : p.title;
  if (p.kind === 'flag') return h('label.check', {}, h('input', { id, type: 'checkbox', onchange: (e) => set({ [p.id]: e.target.checked }) }), ` ${title}`);
  if (p.kind === 'choice') return h('label.field', {}, title, h('select', { id, onchange: (e) => set({ [p.id]: e.target.value }) }, ...(p.choices ?? []).map((c) => new Option(c))));
  if (p.kind === 'text') return h('label.field', {}, title, h('input', { id, maxLength: 200, onchange: (e) => set({ [p.id]: e.target.value }) }));
  const bounds = { id, min: p.min, max: p.max, step: p.step ?? 'any', onchange: (e) => e.target.value !== '' && set({ [p.id]: Number(e.target.value) }) };
  // A slider of thousands of places cannot be set to one of them.
  const slides = p.min !== undefined && p.max !== undefined && (p.max - p.min) / (p.step ?? 0.01) <= 1000;
  return slides
    ? h('label.dial', {}, title, h('output', { id: `${id}-value`, for: id }), h('input', { ...bounds, type: 'range', oninput: (e) => tell(p, e.target) }))
    : h('label.field', {}, title, h('input', { ...bounds, type: 'number' }));
}

function tell(p, input) {
  const output = $(`parameter-${p.id}-value`);
  if (output) output.textContent = input.value;
}
