// The probe screen: measure a system from outside, watch the run, read the verdict, check it against what is needed.
import { $, ask, askJson, at, events, h, ms, post, steps, trouble } from './dom.js';
import { command } from './share.js';

const PRESETS = {
  'video-call-filter': 'Filter in a video call',
  'ar-mirror': 'Mirror, augmented reality',
  vtuber: 'VTuber, avatar',
  'live-broadcast': 'Live broadcast',
  'live-event-interaction': 'Live event that answers the hall',
  'game-control': 'Game control',
  'creative-exploration': 'Creative exploration',
  'batch-post-production': 'Post-production in batches',
  'surveillance-redaction': 'Redaction of surveillance video',
};
const PROFILES = {
  glance: 'A glance, half a minute',
  quick: 'Quick, about 3 minutes',
  standard: 'Standard, about 14 minutes',
  deep: 'Deep, about 40 minutes',
};
const PHASES = {
  connecting: 'Opening the session',
  warmup: 'Warming up',
  fast: 'Sending a secret code in the picture and looking for it in the answer',
  slow: 'Sending slow changes',
  control: 'Changing the prompt at secret moments',
  hold: 'Sending a still scene and looking for seams between clips',
  blackout: 'Sending nothing for a moment',
};

const CODE = '1011000110100101';
const LATE = 3;
const STEPS = [
  ['A secret code goes out', 'in the light, colour, places and movement of the picture', (i) => CODE[i] === '1' && 'plain'],
  ['Something comes back', 'restyled, late, or made of something else', (i) => CODE[i - LATE] === '1' && 'on'],
  [
    'Is the code in it, and when?',
    'compared with 999 codes that were never sent: that is the verdict',
    (i) => (i < LATE ? 'gap' : CODE[i - LATE] === '1' && 'two'),
  ],
];

export function open(box, live) {
  const leaving = new AbortController();
  const run = { watching: null };
  const target = h(
    'select',
    { id: 'probe-target', onchange: () => (address.hidden = key.hidden = !($('probe-address').required = target.value === 'other')) },
    new Option('This server', 'self'),
    new Option('Another system', 'other'),
    new Option('The probe’s own echo (measures the instrument)', 'echo'),
  );
  const address = h(
    'label.field.grow',
    { hidden: true },
    'Address',
    h('input', { id: 'probe-address', type: 'url', placeholder: 'https://host/whip' }),
  );
  const key = h(
    'label.field',
    { hidden: true },
    'Its key, if it has one',
    h('input', { id: 'probe-key', type: 'password', autocomplete: 'off' }),
  );
  const profile = h('select', { id: 'probe-profile' }, ...Object.entries(PROFILES).map(([id, words]) => new Option(words, id)));
  const start = h('button.primary', { id: 'probe-run' }, 'Measure');
  const form = h(
    'form.card.row',
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (live.transport)
          return trouble('A live session of this page is running and would be measured along. Stop it first.', [
            ['Stop it', () => live.session.stop()],
          ]);
        try {
          const job = await post('/v1/probes', {
            target: target.value === 'other' ? $('probe-address').value : target.value,
            profile: profile.value,
            ...(target.value === 'other' && $('probe-key').value ? { key: $('probe-key').value } : {}),
          });
          trouble(null);
          watch(job.id);
        } catch (error) {
          trouble(error.message);
        }
      },
    },
    h('label.field', {}, 'What', target),
    address,
    key,
    h('label.field', {}, 'How thoroughly', profile),
    start,
    h(
      'label.button',
      {},
      'Open a report',
      h('input.sr', {
        id: 'probe-file',
        type: 'file',
        accept: '.json,application/json',
        onchange: (event) => event.target.files[0]?.text().then(openFile),
      }),
    ),
  );
  const shown = h('div', { id: 'probe-shown' });
  const need = h(
    'details.card',
    {
      id: 'probe-need',
      ontoggle: async () => {
        if (!need.open || need.querySelector('form')) return;
        const { questions } = await import('./requirement.js');
        await questions(need, leaving.signal).catch((error) => error.name !== 'AbortError' && trouble(error.message));
      },
    },
    h('summary', {}, 'What do I need? Four questions'),
  );
  const list = h('ul.list');
  const heading = h('h2', { hidden: true }, 'Runs on this server');
  box.append(
    h(
      'div.lead',
      {},
      h('h1', {}, 'Is it live? Ask the picture.'),
      h(
        'p',
        {},
        'The probe sends a secret, random code as video and looks for it in what comes back. What answers within a fraction of a second was made from your input; what does not, was not. It needs no help from the vendor.',
      ),
    ),
    form,
    need,
    shown,
    h('section', { 'aria-label': 'Earlier runs' }, heading, list),
    steps('How it is found out', STEPS),
  );

  async function refresh() {
    const { probes } = await askJson('/v1/probes', { signal: leaving.signal });
    heading.hidden = !probes.length;
    list.replaceChildren(
      ...probes.map((p) =>
        h(
          'li.card.row',
          {},
          h(
            'div.grow',
            {},
            h('b', {}, p.sentence ?? (p.state === 'running' ? 'Running' : (p.error ?? p.state))),
            h('p.note', {}, `${p.target} · ${p.profile} · ${new Date(p.created).toLocaleString()}`),
          ),
          p.state === 'running' ? h('button', { type: 'button', onclick: () => watch(p.id) }, 'Watch') : null,
          p.report_json ? h('button', { type: 'button', onclick: () => read(p) }, 'Read') : null,
          p.state !== 'running'
            ? h('button.quiet', { type: 'button', onclick: () => ask(`/v1/probes/${p.id}`, { method: 'DELETE' }).then(refresh) }, 'Remove')
            : null,
        ),
      ),
    );
    const running = probes.find((p) => p.state === 'running');
    if (running && !run.watching) watch(running.id);
  }

  async function watch(id) {
    run.watching = id;
    start.disabled = true;
    const title = h('h2', { role: 'status' });
    const verdict = h('p.growing', { 'aria-live': 'polite' });
    const sent = h('img.sent', { alt: '', width: 64, height: 36, hidden: true });
    const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Progress of the run' });
    const words = h('p');
    const note = h('p.note.num');
    shown.replaceChildren(
      h(
        'div.card.running',
        {},
        h('div.row', {}, sent, title),
        verdict,
        words,
        bar,
        note,
        h(
          'button',
          {
            type: 'button',
            id: 'probe-cancel',
            onclick: () => ask(`/v1/probes/${id}`, { method: 'DELETE' }).catch((e) => trouble(e.message)),
          },
          'Cancel',
        ),
      ),
    );
    try {
      for await (const { data: p } of events(`/v1/probes/${id}/events`, leaving.signal)) {
        const phase = PHASES[p.phase] ?? p.phase;
        if (title.textContent !== phase) title.textContent = phase;
        bar.value = p.done;
        words.textContent = p.sending ? `Now in the picture: ${p.sending}.` : '';
        if (verdict.textContent !== (p.estimates ?? '')) verdict.textContent = p.estimates ?? '';
        if (p.picture) Object.assign(sent, { src: p.picture, hidden: false });
        note.textContent = `${Math.round(p.seconds)} of ${p.profile === 'glance' ? 'at most ' : ''}${Math.round(p.total ?? 0)} s · ${p.received ?? 0} pictures came back`;
        if (p.state === 'done') await read(p);
        else if (p.state !== 'running')
          shown.replaceChildren(
            h('div.card', {}, h('h2', {}, p.state === 'cancelled' ? 'Cancelled' : 'There is no result'), h('p', {}, p.error)),
          );
      }
    } catch (error) {
      if (error.name !== 'AbortError') trouble(error.message);
    } finally {
      run.watching = null;
      start.disabled = false;
      refresh().catch(() => {});
    }
  }

  async function read(p) {
    show(await askJson(p.report_json), { id: p.id, page: p.report_html });
  }

  function openFile(text) {
    try {
      const report = JSON.parse(text);
      if (report.schema !== 'live-ai-video-report/2') throw new Error(`its schema is ${report.schema ?? 'missing'}`);
      show(report, { text });
    } catch (error) {
      trouble(`This is not a report of the probe (report.json): ${error.message}.`);
    }
  }

  function show(report, from) {
    const { verdict, metrics, run: made } = report;
    const checked = h('div', { 'aria-live': 'polite' });
    const preset = h('select', { id: 'probe-preset' }, ...Object.entries(PRESETS).map(([id, words]) => new Option(words, id)));
    const check = async () => {
      try {
        const answer = await askJson(`/v1/probes/check?requirement=${preset.value}${from.id ? `&probe=${from.id}` : ''}`, {
          method: 'POST',
          body: from.text ?? '',
          headers: { 'Content-Type': 'application/json' },
        });
        checked.replaceChildren(
          h('p', {}, h(`b.result.${answer.result.toLowerCase()}`, {}, answer.result)),
          h('ul.rows', {}, ...answer.lines.slice(0, -1).map((l) => h('li', {}, l))),
        );
      } catch (error) {
        checked.replaceChildren(h('p', {}, error.message));
      }
    };
    shown.replaceChildren(
      h(
        'article.card.verdict',
        { 'aria-label': 'Verdict' },
        h('h1', {}, verdict.sentence),
        /^E[12]/.test(made.evidence) ? null : picture(verdict, metrics),
        verdict.nature ? h('p', {}, h('b', {}, 'What it makes of the picture: '), verdict.nature) : null,
        h(
          'p.note',
          {},
          `${made.target} · ${made.profile} · evidence ${made.evidence} · ${new Date(made.utc).toLocaleString()}${made.validity === 'VALID' ? '' : ` · ${made.invalid_reasons.join(' ')}`}`,
        ),
        h(
          'dl.facts-list',
          {},
          ...facts(metrics).map(([name, value, how]) =>
            h('div', {}, h('dt', {}, name), h('dd.num', {}, value, how ? h('small', {}, how) : null)),
          ),
        ),
        verdict.gates.length
          ? h(
              'details',
              {},
              h('summary', {}, 'What decided it'),
              h(
                'ol.rows',
                {},
                ...verdict.gates.map((g) =>
                  h(
                    'li',
                    {},
                    h('b', {}, g.passed === true ? 'Passed: ' : g.passed === false ? 'Not passed: ' : 'Not reached: '),
                    `${g.title} (${g.evidence})`,
                  ),
                ),
              ),
            )
          : null,
        verdict.what_would_settle_it.length ? h('p', {}, `What would settle it: ${verdict.what_would_settle_it.join(' ')}`) : null,
        h(
          'div.row',
          {},
          from.page ? h('button', { type: 'button', onclick: () => openPage(at(from.page)) }, 'Whole report') : null,
          h('label.field', {}, 'Is it good enough for', preset),
          h('button', { type: 'button', id: 'probe-check', onclick: check }, 'Check'),
        ),
        checked,
      ),
    );
    shown.scrollIntoView({ block: 'start' });
  }

  // A new window cannot send a key, so the page fetches the report and shows it in a frame without any rights.
  async function openPage(address) {
    const html = await (await ask(address)).text();
    $('sheet').classList.add('full');
    $('sheet').replaceChildren(
      h('h2', { id: 'sheet-title' }, 'Report'),
      h('iframe', { title: 'Report of the probe', sandbox: '', srcdoc: html }),
      h('form', { method: 'dialog' }, h('button', {}, 'Close')),
    );
    $('sheet').onclose = () => $('sheet').classList.remove('full');
    $('sheet').showModal();
  }

  refresh().catch((error) => error.name !== 'AbortError' && trouble(error.message));
  const commands = () => [
    [
      'Measure this from a terminal',
      'The same run, with its report in a folder.',
      command(
        'probe',
        ...(target.value === 'echo'
          ? ['null']
          : target.value === 'other'
            ? ['whip', $('probe-address').value || 'ADDRESS']
            : ['truelive', location.origin]),
        '--profile',
        profile.value,
        '--out',
        'report',
      ),
    ],
    [
      'Check a report',
      'Exit code 0, 1 or 2.',
      command('check', document.getElementById('probe-preset')?.value ?? 'video-call-filter', 'report/report.json'),
    ],
  ];
  return { leave: () => leaving.abort(), commands };
}

// Draws what was sent as a row of ticks, and what came back as the same ticks shifted by the measured delay.
function picture(verdict, metrics) {
  if (verdict.sentence.startsWith('INVALID'))
    return h('p.note', {}, 'Nothing is drawn of a run that is not valid; its figures are below, to see what was wrong.');
  const live = /^(TIER 3|T3|LIVE|HYBRID|PARTIAL|PROMPT_STREAM)/.test(verdict.tier) || verdict.sentence.startsWith('TIER 3');
  const delay = metrics['delay.D50']?.value ?? null;
  const answered = live && delay !== null;
  const span = Math.max(1500, (delay ?? 0) * 1.6);
  const x = (t) => 40 + (t / span) * 700;
  const ticks = [0.02, 0.13, 0.19, 0.31, 0.36].map((t) => t * span);
  const words = answered
    ? `An input reaches the output after ${ms(delay)} (median).`
    : delay === null
      ? 'No input was found in the output: no delay can be drawn.'
      : `Median delay ${ms(delay)}.`;
  const svg = (name, fields, ...inside) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [k, v] of Object.entries(fields)) e.setAttribute(k, v);
    e.append(...inside);
    return e;
  };
  const row = (y, title, shift, colour) => [
    svg('text', { x: 40, y: y - 14, class: 'small' }, title),
    svg('line', { x1: 40, x2: 760, y1: y, y2: y, stroke: 'var(--line)' }),
    ...(shift === null
      ? []
      : ticks.map((t) => svg('rect', { x: x(t + shift), y: y - 9, width: 6, height: 18, rx: 2, fill: colour, stroke: 'none' }))),
  ];
  return h(
    'figure',
    {},
    svg(
      'svg',
      { viewBox: '0 0 800 150', role: 'img', 'aria-label': words, class: 'probe-picture' },
      ...row(45, 'sent', 0, 'var(--ink)'),
      ...row(115, answered ? 'came back' : 'came back: nothing of it', answered ? delay : null, 'var(--live)'),
      ...(answered
        ? [
            svg('path', { d: `M${x(ticks[0]) + 3} 58 L${x(ticks[0] + delay) + 3} 102`, stroke: 'var(--live)', 'stroke-dasharray': '3 3' }),
            svg('text', { x: x(ticks[0] + delay / 2) + 14, y: 84, class: 'big' }, ms(delay)),
          ]
        : []),
    ),
    h('p.note', {}, words),
  );
}

function facts(metrics) {
  const value = (name, unit, digits = 0) => {
    const m = metrics[name];
    if (!m || m.value === null || m.value === undefined)
      return ['not measured', m?.method?.startsWith('not measured: ') ? m.method.slice(14) : ''];
    const interval = m.ci95 ? `95 %: ${m.ci95.map((v) => v.toFixed(digits)).join(' to ')}` : '';
    return [`${m.value.toFixed(digits)} ${unit}`, [interval, m.n ? `n = ${m.n}` : ''].filter(Boolean).join(', ')];
  };
  return [
    ['Delay, median', ...value('delay.D50', 'ms')],
    ['Delay, 95 %', ...value('delay.D95', 'ms')],
    ['Delay grows by', ...value('delay.slope', 'ms/s', 2)],
    ['Generated', ...value('fps.generated', 'per second', 1)],
    ['Presented', ...value('fps.presented', 'per second', 1)],
    ['Prompt to picture, median', ...value('prompt.t50.D50', 'ms')],
    [
      'Chance that it is chance',
      metrics['dep.p']?.value === null || !metrics['dep.p'] ? 'not tested' : `p ≤ ${metrics['dep.p'].value.toPrecision(2)}`,
      metrics['dep.p']?.k ? `${metrics['dep.p'].k} re-draws` : '',
    ],
    ['Freezes', ...value('freeze.count', 'per minute', 1)],
  ];
}
