// The little that every screen needs: elements, words for numbers, and requests with the key.
import { Refused, wordsOf } from './control.js';

export const $ = (id) => document.getElementById(id);

/** An element: `h('button.primary', { type: 'button', onclick }, 'Save')`. Keys with a dash, `role` and `for` become attributes. */
export function h(name, fields = {}, ...inside) {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'style') element.style.cssText = value;
    else if (key === 'dataset') Object.assign(element.dataset, value);
    else if (key.includes('-') || key === 'role' || key === 'for' || !(key in element))
      element.setAttribute(key, value === true ? '' : value);
    else element[key] = value;
  }
  element.append(...inside.flat().filter((x) => x !== null && x !== undefined && x !== false));
  return element;
}

/** Explains a screen to new users by three strips of frames: name, short description, and each frame's class. */
export const steps = (label, all) =>
  h(
    'ol.passes',
    { 'aria-label': label },
    ...all.map(([name, said, of]) =>
      h(
        'li.card',
        {},
        h('div.frames', { 'aria-hidden': 'true' }, ...Array.from({ length: 16 }, (_, i) => h(of(i) ? `i.${of(i)}` : 'i'))),
        h('b', {}, name),
        h('span.note', {}, said),
      ),
    ),
  );

export const ms = (value) =>
  value === null || value === undefined
    ? 'not measured'
    : value < 9.95
      ? `${value.toFixed(1)} ms`
      : value < 9995
        ? `${Math.round(value)} ms`
        : `${(value / 1000).toFixed(1)} s`;
export const seconds = (value) =>
  value === null || value === undefined ? 'not measured' : value < 9.95 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
export const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`;
export const size = (bytes) => (bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** Browser storage; where the browser denies it, nothing is remembered. */
function kept(store) {
  return {
    get(name) {
      try {
        return globalThis[store].getItem(name);
      } catch {
        return null;
      }
    },
    set(name, value) {
      try {
        value === null ? globalThis[store].removeItem(name) : globalThis[store].setItem(name, value);
      } catch {
        /* forgotten */
      }
    },
  };
}
export const tab = kept('sessionStorage');
export const device = kept('localStorage');

export const withKey = (headers = {}) => (tab.get('key') ? { ...headers, Authorization: `Bearer ${tab.get('key')}` } : headers);

// The page's path: behind a reverse proxy it may have a prefix.
const root = new URL('.', location.href).pathname;

/** A path of this server as this page reaches it. */
export const at = (path) => (path.startsWith('/') && !path.startsWith(root) ? root + path.slice(1) : path);

/** A request to this server. Resolves with the response, or rejects with `Refused`. */
export async function ask(address, options = {}) {
  const response = await fetch(at(address), { ...options, headers: withKey(options.headers) }).catch((error) => {
    if (error.name === 'AbortError') throw error;
    throw new Refused({ kind: 'unreachable', words: 'The server cannot be reached. Is it running?' });
  });
  if (!response.ok) throw new Refused(await wordsOf(response));
  return response;
}

export const askJson = async (address, options) => (await ask(address, options)).json();

export const post = (address, body) =>
  askJson(address, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** Server-sent events as an async iterator; works with a key, which EventSource cannot send. Ends when the server ends or `signal` fires. */
export async function* events(address, signal) {
  const response = await ask(address, { signal, headers: { Accept: 'text/event-stream' } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value.replaceAll('\r', '');
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const lines = text.slice(0, end).split('\n');
      const field = (name) =>
        lines
          .filter((l) => l.startsWith(`${name}:`))
          .map((l) => l.slice(name.length + 1).trimStart())
          .join('\n');
      if (field('data')) yield { type: field('event') || 'message', data: JSON.parse(field('data')) };
    }
  }
}

export function save(blob, name) {
  const link = h('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 30_000);
}

export const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(':', '-');

/**
 * Shows what is wrong, with ways out: [[label, action], ...]. Null hides it. If an action shows another message, the focus moves to its
 * buttons.
 */
export function trouble(words, ways = []) {
  $('trouble').hidden = !words;
  $('trouble-words').textContent = words ?? '';
  const close = h('button', { type: 'button', onclick: () => trouble(null) }, 'Close');
  $('trouble-ways').replaceChildren(
    ...ways.map(([label, action]) =>
      h(
        'button',
        {
          type: 'button',
          onclick: () => (trouble(null), action(), $('trouble').hidden || $('trouble-ways').querySelector('button').focus()),
        },
        label,
      ),
    ),
    close,
  );
}

export const say = (words) => ($('state').textContent = words);
