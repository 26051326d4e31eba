// The truth strip: what this session is, in figures that were measured, and one sentence for each that says what it means.
import { $, clock, h, ms } from './dom.js';

const DROPS = {
  replaced: ['replaced by a newer frame', 'the input is faster than the model'],
  stale: ['too old', 'older than the age budget before its turn'],
  paused: ['paused', 'came while the session stood still'],
  step_failed: ['failed in the model', 'the model gave an error'],
  flushed: ['of an older prompt', 'flushed after a reset or switch'],
  sink_full: ['not sent', 'the link or this page could not take more'],
  superseded: ['overtaken', 'newer frames of the model were done before their turn to leave'],
};
const STATES = {
  idle: ['No session', 'idle'],
  opening: ['Opening the input', 'idle'],
  connecting: ['Connecting', 'idle'],
  live: ['Live', 'live'],
  paused: ['Paused', 'warn'],
  away: ['Connection away', 'warn'],
};

// Short explanations of the figures, shown on hover; a tap opens the full one.
const SHORT = {
  tier: 'What kind of picture this is',
  glass: 'From the camera taking a frame to the picture of that frame being shown here',
  rate: 'Pictures made anew, against pictures shown',
  repeats: 'Pictures shown twice for want of a new one',
  drops: 'Camera frames that got no picture of their own',
  way: 'What each part of the way takes',
  session: 'Time since Start',
};

/** The strip of one session in a box of the page. `tier` and `means` say what kind of session it is. */
export class TruthStrip {
  #box;
  #session;
  #facts = {};
  #open = null;
  #explain = h('div', { id: 'explain', hidden: true, role: 'region', 'aria-label': 'What the figure means' });
  ageBudget = null;
  #away = h('pre', { className: 'away', hidden: true, tabIndex: 0, 'aria-label': 'What the model said' });
  #screen = { number: 3, title: 'No session', words: '' };

  constructor(box, session) {
    this.#box = box;
    this.#session = session;
    const fact = (name, title, classes, ...inside) => {
      const value = h('span.value', {}, '–');
      const button = h(
        'button',
        {
          type: 'button',
          className: `${name} ${classes}`,
          title: SHORT[name],
          'aria-expanded': 'false',
          'aria-controls': 'explain',
          onclick: () => this.toggle(name),
        },
        h('span', {}, h('span.name', { style: 'display:block' }, title), value),
        ...inside,
      );
      this.#facts[name] = { button, value, title };
      return button;
    };
    this.#facts.plot = h('canvas', { 'aria-hidden': 'true', style: 'color:var(--live)' });
    this.#facts.bar = h('span.way', { 'aria-hidden': 'true' });
    box.replaceChildren(
      this.#explain,
      this.#away,
      h(
        'div.facts',
        {},
        fact('tier', 'Tier 3 of 3', ''),
        fact('glass', 'Glass to glass', 'plotted', this.#facts.plot),
        fact('rate', 'Generated / delivered', ''),
        fact('repeats', 'Repeats', ''),
        fact('drops', 'Dropped', ''),
        fact('way', 'Where the time goes', 'wide', this.#facts.bar),
        fact('session', 'Session', ''),
      ),
    );
    setInterval(() => this.refresh(), 500);
    this.refresh();
  }

  /** Opens or closes the explanation of a figure. */
  toggle(name = 'glass') {
    this.#open = this.#open === name ? null : name;
    for (const [key, { button }] of Object.entries(this.#facts)) button?.setAttribute('aria-expanded', String(key === this.#open));
    this.#explain.hidden = !this.#open;
    if (this.#open) this.#fill();
  }

  /** Shows another session; `screen` {number, title, words} is shown while none runs. */
  watch(session, screen = { number: 3, title: 'No session', words: '' }) {
    this.#session = session;
    this.#screen = screen;
    if (this.#open) this.toggle(this.#open);
    this.refresh();
  }

  refresh() {
    if (document.hidden) return;
    const { figures: f, state, startedAt, transport } = this.#session;
    const [words, mood] = STATES[state];
    const passed = state === 'live' && f.lastOrigin === 'passed_through';
    const alone = state === 'idle';
    this.#box.toggleAttribute('data-alone', alone && this.#screen.number !== 3);
    const tier = this.#facts.tier.button.querySelector('.name');
    const number = alone ? this.#screen.number : 3;
    tier.textContent = number ? `Tier ${number} of 3` : 'Measuring';
    const degraded = state === 'live' ? (f.server?.degraded ?? null) : null;
    this.#set('tier', alone ? this.#screen.title : passed ? 'Passed through' : (degraded ?? words));
    this.#facts.tier.button.dataset.state = passed || degraded ? 'warn' : mood;
    const said = state === 'live' ? (f.server?.away ?? f.server?.nobody ?? '') : '';
    this.#away.hidden = !said;
    if (this.#away.textContent !== said) this.#away.textContent = said;
    const on = transport !== null;
    const [mid, most] = [f.latency.quantile(0.5), f.latency.quantile(0.99)];
    const held = f.server ? f.server.by_design_ms - f.server.step_p50_ms : 0;
    this.#set(
      'glass',
      ...(on && mid !== null ? [ms(mid), held > 1 ? `by design ${ms(f.server.by_design_ms)}` : `p99 ${ms(most)}`] : ['not measured']),
    );
    const [made, out] = [f.generated.rate(), f.delivered.rate()];
    this.#set('rate', ...(on && out !== null ? [`${(made ?? 0).toFixed(1)} / ${out.toFixed(1)}`, 'per second'] : ['not measured']));
    this.#set('repeats', on ? String(f.repeats) : '–');
    const drops = Object.values(f.server?.dropped ?? {}).reduce((a, b) => a + b, 0);
    this.#set('drops', f.server && on ? String(drops) : '–', f.server && on ? `of ${f.server.received}` : '');
    this.#set('session', startedAt === null ? '–' : clock((performance.now() - startedAt) / 1000));
    const shares = on ? f.shares() : null;
    this.#set('way', shares ? this.#inWords(shares) : 'not measured');
    this.#bar(this.#facts.bar, shares ? f.parts() : []);
    plot(this.#facts.plot, on ? f.series : [], this.ageBudget);
    // In full screen only the stage is visible, so the figures are shown on it.
    if (document.fullscreenElement)
      $('stage-facts').textContent = ['tier', 'glass', 'rate', 'repeats', 'drops']
        .map((name) => (name === 'tier' ? '' : `${this.#facts[name].title.toLowerCase()} `) + this.#facts[name].value.textContent)
        .join(' · ');
    if (this.#open) this.#fill();
  }

  #set(name, text, small = '') {
    const { value } = this.#facts[name];
    const whole = small ? `${text} ${small}` : text;
    if (value.textContent !== whole) value.replaceChildren(text, ...(small ? [' ', h('small', {}, small)] : []));
  }

  #inWords(share) {
    const kinds = { model: 'net', browser: 'you', server: 'server', link: 'link', rest: 'rest' };
    return Object.entries(kinds)
      .map(([name, kind]) => `${name} ${share(kind)} %`)
      .join(' · ');
  }

  #bar(bar, parts) {
    const known = parts.filter((p) => p.ms !== null);
    if (bar.children.length !== known.length) bar.replaceChildren(...known.map((p) => h(`i.${p.kind}`)));
    known.forEach((p, i) => {
      bar.children[i].className = p.kind;
      bar.children[i].style.flex = `${Math.max(p.ms, 0.01)} 1 0`;
    });
  }

  #fill() {
    const { figures: f, path, transport } = this.#session;
    const { title: named, words: meant } = this.#screen;
    const content = {
      tier: () =>
        this.#session.state === 'idle' && meant
          ? [named, meant]
          : [
              'Live: each camera frame goes through the model',
              'Tier 3. Pictures come back while you watch; nothing is made ahead, and nothing is kept unless the journal is on. "degraded" means: fewer made pictures than came in, over two seconds. ' +
                'Tier 1 would be a finished file, tier 2 a short clip that is made again whenever you change something.',
              h('p.note', {}, `Way: ${path ?? 'not connected'}. Model: ${transport?.session.model ?? 'none'}.`),
            ],
      glass: () => [
        'Glass to glass',
        'From the moment the camera captured a frame until the picture made from that very frame was shown in this browser. ' +
          'Each frame is joined by its own number; frames whose two ends are not both known are left out. It does not hold the camera’s own delay nor the screen’s.' +
          (f.server?.by_design_ms
            ? ` The model has ${ms(f.server.by_design_ms)} of it by design: its step, and the frames that it waits for.`
            : ''),
        h(
          'p.note.num',
          {},
          f.latency.count
            ? `p50 ${ms(f.latency.quantile(0.5))}, p99 ${ms(f.latency.quantile(0.99))}, n = ${f.latency.count} of ${f.delivered.count} frames in 5 s.`
            : 'Not measured: no frame has both ends known.',
          this.ageBudget ? ` Dashed line: age budget ${this.ageBudget} ms; older frames are dropped before the model.` : '',
        ),
        h('canvas', { 'aria-hidden': 'true', style: 'color:var(--live)' }),
      ],
      rate: () => [
        'Generated and delivered',
        'Generated: pictures that the model made from a new camera frame. Delivered: all pictures that were shown here, repeated and passed-through ones too. ' +
          'If delivered is higher than generated, somebody is filling up.',
        h(
          'p.note.num',
          {},
          `Generated n = ${f.generated.count}, delivered n = ${f.delivered.count} in 5 s; model step p50 ${ms(f.step.quantile(0.5))}.`,
        ),
      ],
      repeats: () => [
        'Repeats',
        'Pictures that were shown again because there was no new one. They are counted, marked on the picture, and never counted as generated.',
        h('p.note.num', {}, `${f.repeats} repeated, ${f.passed} passed through, ${f.unjoined} shown without a trace.`),
      ],
      drops: () => [
        'Dropped frames',
        'Camera frames that got no picture of their own. The newest frame always wins, so that delay does not grow.',
        h(
          'ul.key',
          {},
          ...Object.entries(f.server?.dropped ?? {}).map(([why, n]) =>
            h('li.num', {}, `${n} ${DROPS[why]?.[0] ?? why}`, h('small', {}, DROPS[why]?.[1] ?? '')),
          ),
        ),
      ],
      way: () => {
        const bar = h('span.way', { style: 'height:1.4rem' });
        const known = f.shares() !== null;
        this.#bar(bar, known ? f.parts() : []);
        return [
          'Where the time goes',
          'One camera frame from capture to display, in order; medians over 5 s.' +
            (known ? '' : ' No frame has both ends known, so there are no shares.'),
          bar,
          h(
            'ol.key',
            {},
            ...f
              .parts()
              .map((p) =>
                h(`li.${p.kind}.num`, {}, `${p.name} ${ms(p.ms)}`, h('small', {}, p.ms === null ? 'part of what remains' : p.how)),
              ),
          ),
        ];
      },
      session: () => [
        'Session',
        'Time since Start. A broken connection does not end it: prompt and memory wait on the server for the page to come back.',
        h('p.note', {}, `Id ${transport?.session.session ?? 'none'}.`),
      ],
    }[this.#open]();
    const [title, words, ...more] = content;
    const next = [h('div.words', {}, h('h2', {}, title), h('p', {}, words)), ...more];
    const now = [...this.#explain.children];
    // Unchanged elements are kept, so that a screen reader or a selection is not disturbed.
    if (this.#explain.dataset.for === this.#open && now.length === next.length)
      now.forEach((old, i) => old.tagName === 'CANVAS' || old.isEqualNode(next[i]) || old.replaceWith(next[i]));
    else this.#explain.replaceChildren(...next);
    this.#explain.dataset.for = this.#open;
    const canvas = this.#explain.querySelector('canvas');
    if (canvas) plot(canvas, f.series, this.ageBudget, true);
  }
}

// Median as a line, the slowest of each quarter second as a shade above it, the age budget as a dashed line; the last 60 s.
function plot(canvas, series, budget, axis = false) {
  const box = canvas.getBoundingClientRect();
  if (!box.width) return;
  const scale = devicePixelRatio || 1;
  canvas.width = box.width * scale;
  canvas.height = box.height * scale;
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const now = performance.now();
  const points = series.filter((p) => p.at > now - 60_000);
  const top = Math.max(100, budget ? budget * 1.1 : 0, ...points.map((p) => p.most)) * 1.05;
  const x = (at) => box.width * (1 - (now - at) / 60_000);
  const y = (value) => box.height * (1 - value / top);
  if (budget) {
    pen.strokeStyle = style.color;
    pen.globalAlpha = 0.55;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(0, y(budget));
    pen.lineTo(box.width, y(budget));
    pen.stroke();
    pen.setLineDash([]);
  }
  pen.globalAlpha = 0.28;
  pen.fillStyle = style.color;
  for (const p of points) pen.fillRect(x(p.at), y(p.most), Math.max(1, box.width / 240), Math.max(1, y(p.mid) - y(p.most)));
  pen.globalAlpha = 1;
  pen.strokeStyle = style.color;
  pen.lineWidth = 1.5;
  pen.beginPath();
  points.forEach((p, i) => (i && p.at - points[i - 1].at < 1000 ? pen.lineTo(x(p.at), y(p.mid)) : pen.moveTo(x(p.at), y(p.mid))));
  pen.stroke();
  if (!axis) return;
  pen.fillStyle = getComputedStyle(document.body).color;
  pen.font = '11px Inter, sans-serif';
  if (budget) pen.fillText(`${budget} ms`, 2, y(budget) - 3);
  pen.fillText('0 ms', 2, box.height - 3);
  pen.textAlign = 'right';
  pen.fillText('the last 60 s', box.width - 2, box.height - 3);
}
