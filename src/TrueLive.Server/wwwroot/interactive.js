// The interactive screen: a short clip that is made again whenever something is changed.
import { askJson, h, ms, steps, trouble } from './dom.js';
import { InteractiveClip } from './revisions.js';
import { command, curl } from './share.js';
import { takes } from './takes.js';

// A first picture comes within tens of milliseconds: after this many without one, something else is using the machine.
const NOTHING_FOR = 1500;
const PASSES = [
  ['First one picture', 'the one under the playhead', (i) => i === 6 && 'on'],
  ['Then every fourth', 'the clip plays, at a quarter of its rate', (i) => i % 4 === 0 && 'on'],
  ['Then all of them', 'each made with the memory of those before it', () => 'on'],
];

export function open(box, live) {
  let clip = null;
  let shown = 0;
  let against = 0;
  let at = 0;
  let playing = !matchMedia('(prefers-reduced-motion: reduce)').matches;
  let left = false;
  let tweaking = 0;
  let untold = () => {};
  let tweaks = 0;
  let held = false;

  const canvas = h('canvas', { width: 512, height: 288, role: 'img', 'aria-label': 'The clip' });
  const playhead = h('input', {
    type: 'range',
    min: 0,
    max: 1,
    step: 0.01,
    value: 0,
    'aria-label': 'Playhead',
    oninput: () => ((playing = false), (at = Number(playhead.value)), label()),
  });
  const play = h('button', { type: 'button', onclick: () => ((playing = !playing), label()) }, playing ? 'Pause' : 'Play');
  const prompt = h('input', { id: 'tweak', maxlength: 500, placeholder: 'Change it, and it is made again', oninput: () => later() });
  const strength = h('input', { type: 'range', min: 0, max: 1, step: 0.05, value: 1, 'aria-label': 'Strength', oninput: () => later() });
  const [from, to] = [0, 0].map((_, i) =>
    h('input', { type: 'number', min: 0, step: 0.1, 'aria-label': i ? 'End in seconds' : 'Start in seconds', onchange: () => later() }),
  );
  const mode = h(
    'select',
    { id: 'compare-mode', 'aria-label': 'How to look', onchange: () => draw() },
    new Option('Only A', 'a'),
    new Option('A | B wipe', 'wipe'),
    new Option('Difference', 'difference'),
    new Option('Onion skin', 'onion'),
  );
  const wipe = h('input', { type: 'range', min: 0, max: 100, value: 50, 'aria-label': 'Where A ends and B begins' });
  const words = h('p.note.num', { id: 'tweak-words', 'aria-live': 'polite' });
  const machine = h('p.note', { id: 'machine-words', role: 'status' });
  const exports = h('p.note', { id: 'export-words', 'aria-live': 'polite' });
  const strip = h('ol.strip', { id: 'strip', 'aria-label': 'Revisions' });
  const ways = takes(live, (get) => load(get));
  const start = ways.box;
  const bench = h(
    'div.bench',
    { hidden: true },
    h(
      'div.bench-main',
      {},
      h(
        'div.row',
        {},
        h('label.field.grow', {}, 'Prompt', prompt),
        h('label.field', {}, 'Strength', strength),
        h('label.field.short', {}, 'From', from),
        h('label.field.short', {}, 'To', to),
      ),
      words,
      machine,
      h('div.bench-picture', {}, canvas),
      h('div.row', { style: 'align-items:center' }, play, h('div.grow', {}, playhead), mode, h('div', { style: 'width:9rem' }, wipe)),
    ),
    h('aside', {}, h('h2', {}, 'Revisions'), exports, strip),
  );
  box.append(
    h(
      'div.lead',
      {},
      h('h1', {}, 'Interactive: change it, see it again'),
      h(
        'p',
        {},
        'Tier 2. A short clip is made again within a moment of every change: first the picture under the playhead, then every fourth, then all. It answers you, but not the camera.',
      ),
    ),
    start,
    bench,
    steps('How a change comes back', PASSES),
  );

  async function load(get) {
    trouble(null);
    for (const button of start.querySelectorAll('button')) button.disabled = true;
    start.append(words);
    try {
      words.textContent = 'Taking it in…';
      const body = await get();
      if (left) return;
      clip?.close();
      clip = null;
      rows.clear();
      strip.replaceChildren();
      const opened = await InteractiveClip.open(body);
      if (left) return opened.close();
      clip = opened;
      for (const name of ['revision', 'picture']) clip.addEventListener(name, () => clip === opened && paintSoon());
      clip.addEventListener('closed', ({ detail }) => !left && clip === opened && trouble(detail, [['Open it again', () => load(get)]]));
      const { duration_s: length, width, height } = clip.clip.source;
      Object.assign(canvas, { width: 960, height: Math.round((960 * height) / width) });
      playhead.max = to.value = to.max = from.max = length;
      from.value = 0;
      [shown, against, at] = [0, 0, 0];
      exports.textContent = '';
      bench.hidden = false;
      bench.querySelector('.bench-picture').before(words);
      words.textContent = `${length.toFixed(1)} s, ${clip.clip.source.frames} frames.`;
      if (clip.clip.waits_for_live) await giveWay();
      const before = tweaks;
      await clip.send('select', { revision: 0 }).catch(() => {});
      // A change typed meanwhile may have been sent already; sending it again would supersede it.
      if (prompt.value && tweaks === before) later();
      prompt.focus();
    } catch (error) {
      words.textContent = '';
      trouble(error.kind === 'gone' ? 'This server has no interactive clips.' : error.message);
    } finally {
      for (const button of start.querySelectorAll('button')) button.disabled = false;
    }
  }

  // Live takes precedence on the server. Where it leaves no cores, no picture would ever come here.
  async function giveWay() {
    if (live.session.state === 'live') {
      held = true;
      machine.textContent = 'This machine cannot do both at once: Live is paused while you are here, and goes on when you leave.';
      await live.pause(true);
    } else if (!held) machine.textContent = 'Somebody’s live session has the machine: pictures come when it pauses or ends.';
  }

  async function lookForMachine(asked) {
    const { waits_for_live: waits } = await askJson(`/v1/interactive/${asked.clip.id}`);
    if (clip !== asked || left) return;
    if (waits) await giveWay();
    else if (!held) machine.textContent = '';
  }

  function later() {
    clearTimeout(tweaking);
    tweaking = setTimeout(() => tweak(), 180);
  }

  async function tweak(more = {}) {
    if (!clip) return;
    tweaks++;
    const sentAt = performance.now();
    const trim = { start_s: Number(from.value), end_s: Number(to.value) };
    // A picture may arrive before the answer that names its revision.
    const arrived = new Map();
    let number = null;
    const tell = () => {
      if (!arrived.has(number)) return;
      drop();
      if (!held) machine.textContent = '';
      words.textContent = `Revision ${number}: first picture here after ${ms(arrived.get(number) - sentAt)}.`;
    };
    const first = ({ detail }) => {
      if (!arrived.has(detail.revision)) arrived.set(detail.revision, performance.now());
      tell();
    };
    const asked = clip;
    const overdue = setTimeout(() => lookForMachine(asked).catch(() => {}), NOTHING_FOR);
    const drop = () => {
      clearTimeout(overdue);
      asked.removeEventListener('picture', first);
    };
    // A new tweak ends the wait for the first picture of the previous one.
    untold();
    untold = drop;
    clip.addEventListener('picture', first);
    try {
      const { revision } = await clip.send(more.revision ? 'branch' : 'tweak', {
        prompt: prompt.value,
        strength: Number(strength.value),
        trim,
        playhead_s: at,
        ...more,
      });
      against = more.revision ?? (shown && shown !== revision.number ? shown : against);
      number = shown = revision.number;
      tell();
      paintSoon();
    } catch (error) {
      drop();
      words.textContent = error.message;
    }
  }

  let painting = 0;
  function paintSoon() {
    if (!painting) painting = setTimeout(() => ((painting = 0), paint()), 120);
  }

  // A row keeps its element while its revision grows: a button replaced while it is pressed would miss the click.
  const rows = new Map();
  function row(number) {
    const asked = () => clip.revisions.get(number).prompts?.replace(/^0s /, '') ?? '';
    const cell = h('canvas', { width: 160, height: Math.round((160 * canvas.height) / canvas.width), 'aria-hidden': 'true' });
    const name = h('span');
    const note = h('p.note.num');
    const b = h(
      'button.quiet',
      { type: 'button', onclick: () => ((against = number), mode.value === 'a' && (mode.value = 'wipe'), paint()) },
      'B',
    );
    const show = () => (
      (shown = number),
      clip.pictures.get(number)?.size || clip.send('select', { revision: number }).catch((e) => (words.textContent = e.message)),
      paint()
    );
    const item = h(
      'li',
      { dataset: { revision: number } },
      h('button.cell', { type: 'button', onclick: show }, cell, name),
      note,
      h(
        'div.row',
        {},
        b,
        number
          ? h('button.quiet', { type: 'button', onclick: () => ((prompt.value = asked()), tweak({ revision: number })) }, 'Branch')
          : null,
        number ? h('button.quiet', { type: 'button', onclick: () => exported(number) }, 'Export') : null,
      ),
    );
    strip.append(item);
    return (r) => {
      const have = clip.pictures.get(number)?.size ?? 0;
      clip.bitmap(number, at * 1000).then((picture) => picture && cell.getContext('2d').drawImage(picture, 0, 0, cell.width, cell.height));
      const times =
        number === 0
          ? `${have} pictures`
          : (r.error ??
            `preview ${ms(r.to_preview_ms)} · full ${r.state === 'full' ? ms(r.to_full_ms) : r.state === 'superseded' ? 'given up for a newer one' : `${have} of ${r.end - r.first}`}`);
      name.textContent = number ? `#${number} ${r.name || asked() || 'as it is'}` : 'source';
      note.textContent =
        times + (r.unknown_words?.length ? ` · not understood: ${r.unknown_words.join(', ')}` : '') + (r.note ? ` · ${r.note}` : '');
      item.ariaCurrent = number === shown ? 'true' : null;
      b.setAttribute('aria-pressed', String(number === against));
    };
  }

  function paint() {
    if (!clip) return;
    for (const r of [{ number: 0 }, ...clip.revisions.values()]) {
      if (!rows.has(r.number)) rows.set(r.number, row(r.number));
      rows.get(r.number)(r);
    }
    draw();
  }

  async function exported(revision) {
    try {
      const { clip: job } = await clip.send('export', { revision, format: 'mp4' });
      exports.replaceChildren(
        `Revision ${revision} becomes a clip in full quality: `,
        h('a', { href: '#clips' }, 'see the queue'),
        ` (${job.state}).`,
      );
    } catch (error) {
      exports.textContent = error.message;
    }
  }

  function label() {
    play.textContent = playing ? 'Pause' : 'Play';
    draw();
  }

  async function draw() {
    if (!clip) return;
    const pen = canvas.getContext('2d');
    const [a, b] = await Promise.all([clip.bitmap(shown, at * 1000), mode.value === 'a' ? null : clip.bitmap(against, at * 1000)]);
    if (!a) return;
    const { width, height } = canvas;
    pen.globalCompositeOperation = 'source-over';
    pen.globalAlpha = 1;
    pen.drawImage(a, 0, 0, width, height);
    if (!b) return;
    if (mode.value === 'difference') pen.globalCompositeOperation = 'difference';
    if (mode.value === 'onion') pen.globalAlpha = wipe.value / 100;
    pen.save();
    if (mode.value === 'wipe') {
      pen.beginPath();
      pen.rect((width * wipe.value) / 100, 0, width, height);
      pen.clip();
    }
    pen.drawImage(b, 0, 0, width, height);
    pen.restore();
  }

  let before = performance.now();
  const step = (now) => {
    if (left) return;
    requestAnimationFrame(step);
    const passed = (now - before) / 1000;
    if (passed < 1 / 31) return;
    before = now;
    if (!clip || !playing || document.hidden) return;
    const [start, end] = [Number(from.value), Number(to.value)];
    at = at + passed >= end ? start : Math.max(start, at + passed);
    playhead.value = at;
    draw();
  };
  requestAnimationFrame(step);
  const leave = () => {
    left = true;
    clearTimeout(tweaking);
    untold();
    ways.leave();
    clip?.close();
    if (held && live.session.state === 'paused') live.pause(false);
  };
  const commands = () => [
    clip
      ? [
          'Open this clip again',
          'Its answer names the socket for tweaks and pictures (docs/clips.md).',
          curl('POST', '/v1/interactive', { upload: clip.clip.upload }),
        ]
      : ['Open an interactive clip', 'From an upload, as the page does.', curl('POST', '/v1/interactive', { upload: 'ID' })],
    [
      'Make what A shows as a clip',
      'In full quality, without this page.',
      command('clip', 'input.mp4', '--prompt', prompt.value || 'ink', '-o', 'output.mp4'),
    ],
  ];
  return { leave, commands };
}
