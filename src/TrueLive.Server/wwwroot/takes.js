// Where a short clip comes from: the last seconds of a camera, of the built-in scene or of what Live has; or a part of a file.
import { upload } from './clips.js';
import { h, trouble } from './dom.js';
import { LastSeconds } from './revisions.js';
import { TAKEN } from './shown.js';
import { sources } from './sources.js';

// Longest interactive clip, and how much of a stream the page keeps, in seconds.
const MOST = 20;
const KEPT = 10;
const DRAWINGS = {
  camera: 'M3 7h11v10H3zM14 10l7-3v10l-7-3z',
  scene: 'M3 19l6-8 4 5 3-4 5 7zM17 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4z',
  file: 'M6 3h8l4 4v14H6zM10 11l5 3-5 3z',
  live: 'M12 4a8 8 0 1 0 8 8M12 8v4l3 2M15 3l4 2-2 4',
};

/** The content of a start button: an icon, its name, and a short description. */
function way(drawing, name, words) {
  const [svg, line] = ['svg', 'path'].map((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag));
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  line.setAttribute('d', DRAWINGS[drawing]);
  svg.append(line);
  return [svg, h('b', {}, name), h('span', {}, words)];
}

/** The ways to begin. `load(get)` opens the body of `POST /v1/interactive` that `get` gives. Returns the box and a function to leave it. */
export function takes(live, load) {
  let finding = null;
  let turn = null;
  const finder = h('div.card.finder', { id: 'finder', hidden: true });
  const part = h('form.card.row', { hidden: true });
  const picker = h('input.sr', {
    id: 'interactive-file',
    type: 'file',
    accept: TAKEN,
    onchange: () => picker.files[0] && load(once(() => fromFile(picker.files[0]))),
  });
  const button = (kind, name, words, onclick = () => find(kind)) =>
    h('button', { type: 'button', id: `take-${kind}`, onclick }, ...way(kind, name, words));
  const replay = live.server?.replay_seconds;
  const ofLive = !live.transport
    ? null
    : replay
      ? button('live', 'Live session', `Its last ${replay} s`, () => load(once(() => ({ session: live.transport.session.session }))))
      : button('live', 'Live session', 'The last seconds of its input');
  const box = h(
    'div',
    { id: 'interactive-start' },
    h(
      'div.ways',
      {},
      button('camera', 'Camera', 'Its last seconds'),
      button('scene', 'Built-in scene', 'Its last seconds'),
      h('label.button', {}, ...way('file', 'File', 'A video or a picture'), picker),
      ofLive,
    ),
    finder,
    part,
  );

  // Opening again after a broken connection uses the same pictures.
  function once(get) {
    let body = null;
    return async () => {
      part.hidden = true;
      return (body ??= await get());
    };
  }

  async function fromFile(file) {
    const { id, duration_s: length } = await upload(file);
    if (length > MOST) choosePart(id, length);
    return { upload: id };
  }

  function choosePart(id, length) {
    const [from, to] = [0, MOST].map((value, i) =>
      h('input', {
        type: 'number',
        min: 0,
        max: Math.floor(length * 10) / 10,
        step: 0.1,
        value,
        'aria-label': i ? 'Part ends at second' : 'Part begins at second',
      }),
    );
    part.onsubmit = (event) => {
      event.preventDefault();
      const [start, end] = [Number(from.value), Number(to.value)];
      load(() => ({ upload: id, trim: { start_s: start, end_s: end } }));
    };
    part.replaceChildren(
      h('p', {}, `The film has ${Math.round(length)} s, and up to ${MOST} s are worked on at once.`),
      h('label.field.short', {}, 'From', from),
      h('label.field.short', {}, 'To', to),
      h('button', {}, 'Work on this part'),
    );
    part.hidden = false;
  }

  async function find(kind, device) {
    close();
    trouble(null);
    // A camera that is granted only after something else was chosen, or the screen was left, is released.
    const mine = (turn = {});
    try {
      const own = kind !== 'live';
      const source = own ? await sources[kind]({ device }) : live.source;
      if (turn !== mine) return own && source.stop();
      const last = new LastSeconds(source.stream, KEPT);
      const kept = h('p.note.num', { id: 'kept' });
      const timer = setInterval(() => (kept.textContent = `${Math.min(KEPT, Math.floor(last.kept))} s kept so far.`), 250);
      finding = { last, stop: () => (clearInterval(timer), last.stop(), own && source.stop()) };
      const seconds = h('select', { id: 'take-seconds' }, ...[2, 4, 8].map((s) => new Option(`${s} s`, s, s === 4, s === 4)));
      const view = h('video', {
        muted: true,
        autoplay: true,
        playsInline: true,
        srcObject: source.stream,
        'aria-label': 'What is seen now',
      });
      finder.replaceChildren(
        view,
        h(
          'div.film-side',
          {},
          h('p', {}, `This page keeps the last ${KEPT} s; nothing is sent before you take it.`),
          kept,
          h(
            'div.row',
            {},
            ...(kind === 'camera' ? [await cameras(source)] : []),
            h('label.field', {}, 'The last', seconds),
            h('button.primary', { type: 'button', id: 'take', onclick: () => take(last, Number(seconds.value)) }, 'Take it'),
            h('button.quiet', { type: 'button', onclick: close }, 'Close'),
          ),
        ),
      );
      finder.hidden = false;
      finder.querySelector('#take').focus();
    } catch (error) {
      if (turn !== mine) return;
      trouble(error.message, [
        ['Try again', () => find(kind)],
        ['Use the built-in scene', () => find('scene')],
      ]);
    }
  }

  async function cameras(source) {
    const all = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === 'videoinput' && d.deviceId);
    const now = source.stream.getVideoTracks()[0].getSettings().deviceId;
    const select = h(
      'select',
      { onchange: () => find('camera', select.value) },
      ...all.map((d, i) => new Option(d.label || `Camera ${i + 1}`, d.deviceId, false, d.deviceId === now)),
    );
    return h('label.field', { hidden: all.length < 2 }, 'Camera', select);
  }

  const take = (last, wanted) =>
    load(
      once(async () => {
        const film = await last.take();
        close();
        const { id, duration_s: length } = await upload(film);
        return { upload: id, trim: { start_s: Math.max(0, length - wanted) } };
      }),
    );

  function close() {
    turn = null;
    finding?.stop();
    finding = null;
    finder.hidden = true;
    finder.replaceChildren();
  }

  return { box, leave: close };
}
