// The clips screen: files in, prompts over time, a queue with real progress, finished files out.
import { ask, askJson, events, h, post, seconds, size, steps, trouble } from './dom.js';
import { titleOf } from './picker.js';
import { command, curl } from './share.js';
import { shown, TAKEN } from './shown.js';

// Polling interval of the list in ms while a clip is being made. An event stream for each job would use up the six connections of a
// browser.
const LOOK_AGAIN = 700;
const TURN = (i) => (i < 5 ? 'plain' : i < 11 ? 'on' : 'two');
const STEPS = [
  ['A file goes in', 'a film, a GIF, a picture, or numbered pictures in a ZIP', () => 'plain'],
  ['Prompts over time', 'each from the second that you choose', TURN],
  ['A finished file comes out', 'every frame made, at its own rate, with its sound', TURN],
];

/** Sends a file to the server; resolves with the upload as the server sees it. */
export const upload = (file, name = file.name ?? 'clip.webm') =>
  askJson('/v1/uploads', {
    method: 'POST',
    body: file,
    headers: { 'Content-Type': 'application/octet-stream', 'X-File-Name': encodeURIComponent(name) },
  });

/** Follows a clip job until it ends; `seen` is called with every state. Resolves with the last one. */
export async function follow(id, seen, signal) {
  let last = null;
  for await (const { data } of events(`/v1/clips/${id}/events`, signal)) seen((last = data));
  return last;
}

export function open(box, live) {
  const leaving = new AbortController();
  const sources = new Map();
  const jobs = new Map();
  let looking = false;
  const films = h('div.list');
  const queue = h('ul.list', { id: 'clip-queue' });
  const picker = h('input.sr', { id: 'clip-files', type: 'file', accept: TAKEN, multiple: true, onchange: () => take(picker.files) });
  const drop = h(
    'label.drop',
    { ondragover: (e) => (e.preventDefault(), drop.classList.add('over')), ondragleave: () => drop.classList.remove('over') },
    h('b', {}, 'Drop video files here'),
    h('span.note', {}, 'or a ZIP of numbered pictures, or choose them. They go to this server and nowhere else.'),
    picker,
  );
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take(event.dataTransfer.files);
  };
  box.append(
    h(
      'div.lead',
      {},
      h('h1', {}, 'Clips: a file in, a file out'),
      h(
        'p',
        {},
        'Tier 1. Every frame is made with care for quality, faster or slower than it plays. A clip never answers new input: that is what Live is for.',
      ),
    ),
    drop,
    films,
    h('section', { 'aria-label': 'Queue' }, queue),
    steps('How a clip is made', STEPS),
  );

  async function take(files) {
    for (const file of files) {
      const card = h('div.card', {}, h('p', {}, `Sending ${file.name} (${size(file.size)})…`));
      films.prepend(card);
      try {
        const got = await upload(file);
        sources.set(got.id, URL.createObjectURL(file));
        card.replaceWith(film(got));
      } catch (error) {
        card.replaceChildren(
          h('p', {}, `${file.name}: ${error.message}`),
          h('button', { type: 'button', onclick: () => card.remove() }, 'Close'),
        );
      }
    }
  }

  function film(got) {
    const view = shown(sources.get(got.id), got, `Source ${got.name}`, { controls: true });
    const video = () => view.querySelector('video');
    const still = got.frames === 1;
    // A still picture has no length, and a timeline without length cannot be drawn.
    const length = got.duration_s || 1;
    const cues = [{ at: 0, text: '' }];
    const asked = () => cues.map((c) => `${c.at}s ${c.text.replace(/[\\;]/g, '\\$&')}`).join('; ');
    const bar = h('div.timeline', { 'aria-hidden': 'true' });
    const rows = h('ol.cues');
    const told = () => ((card.dataset.prompts = cues.length > 1 ? asked() : ''), (card.dataset.prompt = cues[0].text));
    const draw = () => {
      told();
      cues.sort((a, b) => a.at - b.at);
      bar.replaceChildren(
        ...cues.map((cue, i) =>
          h(
            'button',
            {
              type: 'button',
              tabIndex: -1,
              style: `left:${(100 * cue.at) / length}%;width:${(100 * ((cues[i + 1]?.at ?? length) - cue.at)) / length}%`,
              onclick: () => video() && (video().currentTime = cue.at),
            },
            cue.text || 'original',
          ),
        ),
      );
      rows.replaceChildren(
        ...cues.map((cue, i) =>
          h(
            'li.row',
            {},
            h(
              'label.field',
              {},
              'From, in seconds',
              h('input', {
                type: 'number',
                min: 0,
                max: length,
                step: 0.1,
                value: cue.at,
                disabled: i === 0,
                onchange: (e) => ((cue.at = Math.min(length, Math.max(0, Number(e.target.value)))), draw()),
              }),
            ),
            h(
              'label.field.grow',
              {},
              'Prompt',
              h('input.cue', {
                value: cue.text,
                maxlength: 200,
                placeholder: 'as it is',
                oninput: (e) => (
                  (cue.text = e.target.value),
                  (bar.children[cues.indexOf(cue)].textContent = cue.text || 'original'),
                  told()
                ),
              }),
            ),
            i
              ? h('button', { type: 'button', 'aria-label': 'Remove this prompt', onclick: () => (cues.splice(i, 1), draw()) }, 'Remove')
              : null,
          ),
        ),
      );
    };
    const format = h(
      'select',
      {},
      new Option('MP4 (H.264)', 'mp4'),
      new Option('MOV (H.264)', 'mov'),
      new Option('MKV (H.264)', 'mkv'),
      new Option('WebM (VP9)', 'webm'),
      new Option('GIF', 'gif'),
      new Option('PNG pictures', 'png'),
    );
    const wanted = h(
      'select',
      {},
      new Option('As the source', ''),
      ...['384x216', '512x288', '640x360', '1280x720'].map((s) => new Option(s)),
    );
    // Models that are too slow for live are offered here too.
    const usable = (live.server?.models ?? []).filter((m) => !m.broken);
    const model = h('select', {}, ...usable.map((m) => new Option(titleOf(m), m.id, false, m.id === live.server.default_model)));
    const card = h(
      'form.card.film',
      {
        onsubmit: async (event) => {
          event.preventDefault();
          try {
            show(
              await post('/v1/clips', {
                upload: got.id,
                ...(cues.length > 1 ? { prompts: asked() } : { prompt: cues[0].text }),
                format: format.value,
                ...(model.value ? { model: model.value } : {}),
                ...(wanted.value ? { size: wanted.value } : {}),
              }),
            );
          } catch (error) {
            trouble(error.message);
          }
        },
      },
      view,
      h(
        'div.film-side',
        {},
        h('h2', {}, got.name),
        h(
          'p.note',
          {},
          `${got.width}×${got.height}, ${still ? 'a still picture: the clip is this one picture' : `${got.fps.toFixed(2)} per second, ${seconds(got.duration_s)}, ${got.frames} frames`}. ${(got.notes ?? []).join(' ')}`,
        ),
        bar,
        rows,
        h(
          'div.row',
          {},
          still
            ? null
            : h(
                'button',
                {
                  type: 'button',
                  onclick: () => (
                    cues.push({ at: Math.round((video()?.currentTime ?? 0) * 10) / 10 || length / 2, text: '' }),
                    draw(),
                    rows.querySelector('li:last-child .cue').focus()
                  ),
                },
                'Add a prompt at the playhead',
              ),
          usable.length > 1 ? h('label.field', { style: 'flex: 1 1 12rem' }, 'Model', model) : null,
          h('label.field', {}, 'Format', format),
          h('label.field', {}, 'Size', wanted),
          h('button.primary', {}, 'Make the clip'),
        ),
      ),
    );
    draw();
    return card;
  }

  const isOpen = ({ state }) => state === 'queued' || state === 'running';

  /** Polls the list until every job on it has ended. */
  async function look() {
    if (looking) return;
    looking = true;
    try {
      while ([...jobs.values()].some((j) => isOpen(j.now))) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
        if (leaving.signal.aborted) return;
        if (document.hidden) continue;
        // A job posted meanwhile is not in the answer.
        const asked = [...jobs];
        const { clips } = await askJson('/v1/clips?limit=100', { signal: leaving.signal });
        for (const job of clips) jobs.get(job.id)?.draw(job);
        for (const [id, { now, item }] of asked) if (isOpen(now) && !clips.some((c) => c.id === id)) (item.remove(), jobs.delete(id));
      }
    } catch (error) {
      if (error.name !== 'AbortError') trouble(error.message, [['Look again', look]]);
    } finally {
      looking = false;
    }
  }

  function show(job) {
    const item = h('li.card.job', { dataset: { job: job.id } });
    queue.prepend(item);
    const draw = (j) => {
      const going = isOpen(j);
      jobs.set(j.id, { now: j, draw, item });
      const words = {
        queued: j.position ? `Waits for ${j.position} before it` : 'Waits',
        running: j.waits_for_live ? 'Waits: a live session has the machine' : 'Runs',
        done: 'Done',
        failed: 'Failed',
        cancelled: 'Cancelled',
      }[j.state];
      const figures =
        j.state === 'running' && j.fps
          ? ` · ${j.fps.toFixed(1)} frames/s${j.times_real_time ? `, ${j.times_real_time.toFixed(2)} times real time` : ''}${j.seconds_left ? `, ${seconds(j.seconds_left)} left` : ''}`
          : '';
      item.dataset.state = j.state;
      item.replaceChildren(
        h(
          'div.row',
          { style: 'align-items:center' },
          still(j),
          h(
            'div.grow',
            {},
            h('b', {}, j.name ?? 'Clip'),
            h('p.note.num', {}, `${words}${figures} · ${j.prompts || 'as it is'} · ${j.size} ${j.format}`),
            j.error ? h('p', {}, j.error) : null,
            j.note && going ? h('p.note', {}, j.note) : null,
          ),
          j.result ? h('button', { type: 'button', onclick: () => compare(item, j) }, 'Play') : null,
          j.result
            ? h(
                'a.button',
                {
                  href: j.result.url,
                  download: `${(j.name ?? 'clip').replace(/\.\w+$/, '')}-truelive.${{ png: 'zip', av1: 'mp4' }[j.format] ?? j.format}`,
                },
                `Download ${size(j.result.bytes)}`,
              )
            : null,
          h(
            'button.quiet',
            {
              type: 'button',
              onclick: () =>
                ask(`/v1/clips/${j.id}`, { method: 'DELETE' })
                  .then(() => !going && (item.remove(), jobs.delete(j.id)))
                  .catch((e) => trouble(e.message)),
            },
            going ? 'Cancel' : 'Remove',
          ),
        ),
        ...(going
          ? [
              h('progress', {
                max: Math.max(1, j.frames_total ?? 1),
                value: j.frames_done ?? 0,
                'aria-label': `${j.frames_done} of ${j.frames_total} frames`,
              }),
              h('p.note.num', {}, `${j.frames_done} of ${j.frames_total} frames`),
            ]
          : []),
      );
    };
    draw(job);
    look();
  }

  // A picture from the finished clip; the browser fetches no more of the file than it needs for that.
  const still = ({ result, format }) =>
    !result || format === 'png'
      ? null
      : format === 'gif'
        ? h('img.still', { src: result.url, alt: '', loading: 'lazy' })
        : h('video.still', {
            src: `${result.url}#t=0.5`,
            muted: true,
            playsInline: true,
            preload: 'metadata',
            tabIndex: -1,
            'aria-hidden': 'true',
          });

  // Shows the finished clip in step with its source, if this page or the server still has it, with a wipe between them.
  async function compare(item, job) {
    item.querySelector('.wipe')?.remove();
    if (job.format === 'gif') return item.append(h('div.wipe', {}, h('img', { src: job.result.url, alt: 'The clip' })));
    if (job.format === 'png') return trouble('Pictures come as a ZIP file: download it.');
    const made = h('video', { src: job.result.url, muted: true, loop: true, playsInline: true, controls: true, 'aria-label': 'The clip' });
    made.onerror = () => item.querySelector('.wipe')?.replaceChildren(h('p.note', {}, 'This browser cannot play it: download it.'));
    const from = sources.get(job.upload) ?? (await askJson(`/v1/clips/${job.id}`).catch(() => ({}))).source_url;
    const upload = from && (await askJson(`/v1/uploads/${job.upload}`).catch(() => null));
    if (!upload) item.append(h('div.wipe', {}, made));
    else {
      const source = shown(from, upload, 'The source');
      const film = (act) => source.querySelector('video') && act(source.querySelector('video'));
      const wipe = h(
        'div.wipe',
        { style: '--split:50%' },
        source,
        made,
        h('input', {
          type: 'range',
          min: 0,
          max: 100,
          value: 50,
          'aria-label': 'Where source ends and clip begins',
          oninput: (e) => wipe.style.setProperty('--split', `${e.target.value}%`),
        }),
      );
      made.ontimeupdate = () => film((f) => Math.abs(f.currentTime - made.currentTime) > 0.08 && (f.currentTime = made.currentTime));
      made.onplay = () => film((f) => f.play().catch(() => {}));
      made.onpause = () => film((f) => f.pause());
      item.append(wipe);
    }
    made.play().catch(() => {});
  }

  askJson('/v1/clips?limit=30', { signal: leaving.signal })
    .then(({ clips }) => clips.reverse().forEach(show))
    .catch((error) => error.name !== 'AbortError' && trouble(error.kind === 'gone' ? 'This server does not make clips.' : error.message));
  const leave = () => {
    leaving.abort();
    for (const url of sources.values()) URL.revokeObjectURL(url);
  };
  // Command lines that make the newest clip on the screen.
  const commands = () => {
    const { prompts, prompt } = films.querySelector('form')?.dataset ?? {};
    return [
      [
        'Make this clip',
        'From the command line, with the prompts that stand here.',
        command(
          'clip',
          films.querySelector('h2')?.textContent ?? 'input.mp4',
          ...(prompts ? ['--prompts', prompts] : ['--prompt', prompt || 'ink']),
          '-o',
          'output.mp4',
        ),
      ],
      ['Ask for the queue', 'Every clip of yours, with its progress.', curl('GET', '/v1/clips')],
    ];
  };
  return { leave, commands };
}
