// Three tiers side by side: the same source and the same change, asked of all three at one moment, and when each answered.
import { follow, upload } from './clips.js';
import { h, ms, post, seconds, trouble } from './dom.js';
import { drawLanes } from './lanes.js';
import { InteractiveClip, recorded } from './revisions.js';
import { Session } from './session.js';
import { curl } from './share.js';
import { markOf } from './stats.js';

const SECONDS = 2;
// On a machine that cannot run all three at once, Live shows its answer for this long, in ms, before it is paused.
const ASIDE_AFTER = 2000;
const TIERS = [
  { id: 'live', number: 3, title: 'Live', promise: 'Each camera frame, at once', answers: 'Yes: every frame' },
  { id: 'interactive', number: 2, title: 'Interactive', promise: 'A short clip, made again when you ask', answers: 'Only when you ask' },
  { id: 'clip', number: 1, title: 'Clip', promise: 'A finished file', answers: 'No' },
];

export function open(box, live) {
  if (live.session.running) live.session.stop('Stopped for the comparison.');
  let asked = { prompt: '', size: '384x216' };
  const session = new Session(() => ({ model: null, size: asked.size, prompt: asked.prompt, strength: 1 }));
  live.truth.watch(session);
  session.addEventListener('opened', ({ detail }) => {
    by.live.stage.querySelector('video, canvas')?.remove();
    by.live.stage.prepend(detail.view);
  });
  let clip = null;
  let uploaded = null;
  let left = false;
  let t0 = null;
  let takenAt = null;
  let timer = 0;
  let aside = null;
  let back = null;
  // The revision that answers the change, and the pictures of each: a picture may arrive before the answer that names its revision.
  let revision = null;
  const made = new Map();
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const leaving = new AbortController();
  const kept = [];
  const keep = (blob) => (kept.push(URL.createObjectURL(blob)), kept.at(-1));
  const landed = {};

  const source = h('select', { id: 'tiers-source' }, new Option('Built-in scene', 'scene'), new Option('Camera', 'camera'));
  const prompt = h('input', { id: 'tiers-prompt', value: 'ink', maxlength: 200 });
  const go = h('button.primary', { id: 'tiers-go', type: 'submit' }, 'Start');
  const status = h(
    'p',
    { role: 'status', id: 'tiers-status' },
    'Starts one live session, one interactive clip and one clip job on this server.',
  );
  const columns = TIERS.map((tier) => {
    const age = h('p.age.num', {}, '');
    const stage = h('div.tier-picture', {}, age);
    const facts = h('dl.num');
    return {
      ...tier,
      stage,
      age,
      facts,
      fact: {},
      box: h(
        'article',
        { className: `card tier ${tier.id}`, 'aria-label': `Tier ${tier.number}, ${tier.title}` },
        h(
          'header',
          {},
          h('span.tier-number', {}, String(tier.number)),
          h('div', {}, h('h2', {}, tier.title), h('p.note', {}, tier.promise)),
        ),
        stage,
        facts,
      ),
    };
  });
  const by = Object.fromEntries(columns.map((c) => [c.id, c]));
  const lanes = h('div.lanes', { role: 'img', 'aria-label': 'No change was asked for yet.' });
  box.append(
    h(
      'div.lead',
      {},
      h('h1', {}, 'One change. Three answers.'),
      h('p', {}, 'The same source, the same words, asked of all three tiers at the same moment.'),
    ),
    h(
      'form.card.row',
      { onsubmit: (event) => (event.preventDefault(), run()) },
      h('label.field', {}, 'Source', source),
      h('label.field.grow', {}, 'The change', prompt),
      go,
      status,
    ),
    lanes,
    h('div.tier-columns', {}, ...columns.map((c) => c.box)),
  );
  fill();

  async function run() {
    go.disabled = true;
    trouble(null);
    try {
      if (!clip || !session.transport) await prepare();
      if (!left) await change();
    } catch (error) {
      const scene = ['Use the built-in scene', () => ((source.value = 'scene'), run())];
      if (!left)
        trouble(error.kind === 'gone' ? 'This server does not offer all three tiers.' : error.message, [
          ['Try again', run],
          ...(error.kind === 'input' ? [scene] : []),
        ]);
    } finally {
      go.disabled = false;
      go.textContent = clip ? 'Change it again' : 'Start';
    }
  }

  async function prepare() {
    asked.prompt = '';
    // An earlier failure may have left the session running; the comparison then continues with it.
    if (!session.transport) {
      const opened = next('opened');
      session.start(source.value, {});
      await opened;
    } else await session.transport.control.command('resume').accepted;
    const film = await recorded(
      session.source.stream,
      SECONDS,
      (rest) => (status.textContent = `Taking ${SECONDS} s of the source for tiers 2 and 1: ${rest.toFixed(1)} s`),
    );
    takenAt = performance.now() - SECONDS * 500;
    // Live pictures are not needed while the others load, so the others get the machine until then.
    status.textContent = 'Handing it to tiers 2 and 1; Live stands still meanwhile…';
    await session.transport.control.command('pause').accepted;
    uploaded = await upload(film, 'three-tiers.webm');
    clip = await InteractiveClip.open({ upload: uploaded.id, size: asked.size });
    if (left) return clip.close();
    const opened = clip;
    clip.addEventListener('picture', ({ detail }) => picture(detail));
    clip.addEventListener('closed', () => clip === opened && (clip = null));
    by.interactive.stage.querySelector('canvas')?.remove();
    const canvas = h('canvas', { width: 384, height: 216 });
    by.interactive.stage.prepend(canvas);
    await clip.send('select', { revision: 0 }).catch(() => {});
    by.clip.stage.querySelector('video')?.remove();
    by.clip.stage.prepend(h('video', { src: keep(film), muted: true, loop: true, playsInline: true, autoplay: !still, controls: still }));
    playRevisions(canvas, clip);
    clearInterval(timer);
    timer = setInterval(tick, 100);
    const again = next('frame');
    await session.transport.control.command('resume').accepted;
    await again;
  }

  /** The session's next event of this kind that `fits`; rejects when the session ends first. */
  function next(kind, fits = () => true) {
    const done = new AbortController();
    const on = (name, heard) => session.addEventListener(name, heard, { signal: done.signal });
    return new Promise((resolve, reject) => {
      on(kind, ({ detail }) => fits(detail) && resolve(detail));
      on('failed', ({ detail }) => reject(detail.error));
      on('state', ({ detail }) => detail.state === 'idle' && reject(new Error(detail.words)));
    }).finally(() => done.abort());
  }

  async function change() {
    for (const tier of TIERS) landed[tier.id] = {};
    fill();
    aside = back = revision = null;
    made.clear();
    asked.prompt = prompt.value;
    status.textContent = 'Asked all three at the same moment.';
    t0 = performance.now();
    const command = session.transport.control.command('prompt', { text: prompt.value, strength: 1, transition_ms: 0 });
    try {
      // The first failure ends the comparison.
      await Promise.all([
        command.accepted.then((answer) => watchLive(answer.prompt)),
        whole({ prompt: prompt.value, transition_ms: 0, playhead_s: 0 }),
        post('/v1/clips', { upload: uploaded.id, prompt: prompt.value, size: asked.size, format: 'mp4' }).then(finished),
      ]);
    } finally {
      stand('resume');
    }
    fill();
    status.textContent =
      aside === null
        ? 'All three have answered.'
        : `All three have answered. This machine cannot run them at once: Live stood still from ${seconds(aside / 1000)} on until the others were done, and their times hold that wait.`;
  }

  async function watchLive({ revision: wanted, text, understood, note }) {
    if (text.trim() && !understood) throw new Error(note ?? 'These words mean nothing to the model: no tier can answer them.');
    const mine = landed.live;
    const { trace, displayedAt } = await next('frame', (f) => f.trace?.revision >= wanted);
    if (trace.origin !== 'generated') throw new Error('This session passes its picture through: no model changes it.');
    mine.first = mine.whole = displayedAt - t0;
    standAside(mine);
  }

  async function finished({ id }) {
    const last = await follow(id, (j) => (landed.clip.done = j.frames_total ? j.frames_done / j.frames_total : 0), leaving.signal);
    if (last?.state !== 'done') throw new Error(last?.error ?? 'The clip was not made.');
    const video = h('video', { src: last.result.url, muted: true, loop: true, playsInline: true, autoplay: !still, controls: still });
    await new Promise((resolve, reject) =>
      Object.assign(video, { onloadeddata: resolve, onerror: () => reject(new Error('This browser cannot play the clip.')) }),
    );
    by.clip.stage.querySelector('video').replaceWith(video);
    landed.clip.first = landed.clip.whole = performance.now() - t0;
  }

  // Live takes precedence; where it leaves no cores, the others would wait for ever, at the start or halfway.
  function standAside(mine) {
    const { clip, interactive } = landed;
    const [done, count] = [clip.done, made.get(revision)?.count];
    setTimeout(() => {
      if (left || landed.live !== mine || (clip.whole !== undefined && interactive.whole !== undefined)) return;
      const stuck =
        (clip.whole === undefined && clip.done === done) || (interactive.whole === undefined && made.get(revision)?.count === count);
      if (stuck) stand('pause');
      else standAside(mine);
    }, ASIDE_AFTER);
  }

  function stand(type) {
    if (type === 'pause') {
      aside = performance.now() - t0;
      status.textContent = 'Live has answered and stands still, so that the others get the machine.';
    } else if (aside === null) return;
    else if (back === null) back = performance.now() - t0;
    session.transport?.control.command(type).accepted.catch(() => {});
  }

  /** Asks for a revision; resolves when all of its pictures have been made. */
  async function whole(tweak) {
    const [mine, opened] = [landed.interactive, clip];
    revision = (await clip.send('tweak', tweak)).revision.number;
    seen();
    await new Promise((resolve, reject) => {
      const look = () => {
        const { state, error } = opened.revisions.get(revision);
        if (state === 'full') resolve();
        else if (state === 'failed' || state === 'superseded') reject(new Error(error ?? 'The revision was given up.'));
        else return;
        opened.removeEventListener('revision', look);
      };
      opened.addEventListener('revision', look);
      opened.addEventListener('closed', () => reject(new Error('The connection to the clip broke.')), { once: true });
      look();
    });
    mine.whole = performance.now() - t0;
  }

  function picture({ revision: of, count }) {
    const { at = performance.now() } = made.get(of) ?? {};
    made.set(of, { at, count });
    seen();
  }

  function seen() {
    const mine = made.get(revision);
    if (!mine) return;
    const { first, end } = clip.revisions.get(revision);
    Object.assign(landed.interactive, { first: mine.at - t0, done: mine.count / (end - first) });
  }

  async function playRevisions(canvas, opened) {
    const length = opened.clip.source.duration_s * 1000;
    const pen = canvas.getContext('2d');
    let busy = false;
    const step = async () => {
      if (left || clip !== opened) return;
      requestAnimationFrame(step);
      if (busy) return;
      busy = true;
      const at = performance.now() % length;
      const bitmap = (await opened.bitmap(opened.newest, at)) ?? (await opened.bitmap(0, at));
      if (bitmap) pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      busy = false;
    };
    step();
  }

  function tick() {
    if (document.hidden) return;
    fill();
    if (t0 !== null) drawLanes(lanes, TIERS, landed, { now: performance.now() - t0, aside, back });
    const age = session.figures.latency.quantile(0.5);
    const now = markOf(session.figures);
    by.live.age.textContent =
      session.state === 'paused'
        ? 'stands still for the others'
        : now.mark === 'waiting'
          ? ''
          : now.mark === 'frozen'
            ? `frozen, shows ${seconds(now.age / 1000)} ago`
            : age === null
              ? 'shows now'
              : `shows now, ${ms(age)} ago`;
    const old = takenAt === null ? '' : `shows ${Math.round((performance.now() - takenAt) / 1000)} s ago`;
    by.interactive.age.textContent = by.clip.age.textContent = old;
  }

  function fill() {
    for (const c of columns) {
      const mine = landed[c.id] ?? {};
      const f = session.figures;
      const rows = [
        ['Change seen after', ms(mine.first)],
        [c.id === 'live' ? 'Goes on' : 'Whole after', c.id === 'live' ? 'as long as you like' : ms(mine.whole)],
        ['Answers the camera', c.answers],
        c.id === 'live'
          ? ['Glass to glass', f.latency.count ? `${ms(f.latency.quantile(0.5))} (n=${f.latency.count})` : 'not measured']
          : ['Length', takenAt === null ? `${SECONDS} s` : clip ? seconds(clip.clip.source.duration_s) : `${SECONDS} s`],
      ];
      rows.forEach(([name, value], i) => {
        if (!c.fact[i]) c.facts.append(h('div', {}, h('dt', {}, name), (c.fact[i] = h('dd'))));
        if (c.fact[i].textContent !== value) c.fact[i].textContent = value;
      });
    }
  }

  const leave = () => {
    left = true;
    leaving.abort();
    clearInterval(timer);
    session.stop();
    clip?.close();
    for (const url of kept) URL.revokeObjectURL(url);
  };
  const commands = () => [
    [
      'Tier 3: change the live session',
      'One frame in, one frame out.',
      curl('PATCH', `/v1/sessions/${session.transport?.session.session ?? 'ID'}`, { prompt: prompt.value, transition_ms: 0 }),
    ],
    [
      'Tier 2: open a short clip',
      'Its answer names the socket for tweaks (docs/clips.md).',
      curl('POST', '/v1/interactive', { upload: uploaded?.id ?? 'ID', size: asked.size }),
    ],
    [
      'Tier 1: make a file',
      'The whole clip, finished.',
      curl('POST', '/v1/clips', { upload: uploaded?.id ?? 'ID', prompt: prompt.value, size: asked.size, format: 'mp4' }),
    ],
  ];
  return { leave, commands };
}
