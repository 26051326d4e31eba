// What do I need? Four questions; the answer is a tier, its reasons, a requirement for the probe, and what to ask a vendor.
import { askJson, h, save, trouble } from './dom.js';
import { command } from './share.js';

const ADDRESS = '/v1/requirement';

/** Asks the questions in `box`, which is loaded only when somebody opens it. */
export async function questions(box, signal) {
  const asked = (await askJson(ADDRESS, { signal })).questions;
  const answered = h('div', { id: 'need-answer', 'aria-live': 'polite' });
  const form = h(
    'form',
    {
      id: 'need',
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          const { answer } = await askJson(`${ADDRESS}?${new URLSearchParams([...new FormData(form)])}`, { signal });
          show(answered, answer, form.elements.build.value);
        } catch (error) {
          if (error.name !== 'AbortError') trouble(error.message);
        }
      },
    },
    h('div.row', {}, ...asked.filter((q) => !q.several).map(choose)),
    ...asked.filter((q) => q.several).map(tick),
    h('button.primary', { id: 'need-go' }, 'What do I need?'),
  );
  box.append(form, answered);
}

const choose = ({ id, words, choices }) =>
  h('label.field', {}, words, h('select', { name: id }, ...choices.map((c) => new Option(c.words, c.id))));

const tick = ({ id, words, choices }) =>
  h(
    'fieldset',
    {},
    h('legend', {}, words),
    ...choices.map((c) => h('label.row', {}, h('input', { type: 'checkbox', name: id, value: c.id }), c.words)),
  );

function show(box, answer, build) {
  const name = `${build}.yaml`;
  box.replaceChildren(
    h('h2', {}, answer.heading),
    h('figure', {}, picture(answer.picture)),
    ...answer.why.map((words) => h('p', {}, words)),
    ...(answer.warnings.length ? [h('h3', {}, 'Mind'), h('ul.rows', {}, ...answer.warnings.map((words) => h('li', {}, words)))] : []),
    ...(answer.figures.length
      ? [
          h('h3', {}, 'The figures, and where they come from'),
          h(
            'dl.facts-list',
            {},
            ...answer.figures.map((f) =>
              h(
                'div',
                {},
                h('dt', {}, f.name),
                h('dd', {}, `${f.must ? '' : 'better '}${f.limit}`, h('small', {}, `${f.source}: ${f.why}`)),
              ),
            ),
          ),
        ]
      : []),
    h('h3', {}, 'Ask the vendor'),
    h('ol.rows', {}, ...answer.ask.map((words) => h('li', {}, words))),
    h('h3', {}, 'And measure it'),
    h('p', {}, 'The probe tells whether a system has what you need: save the requirement, and give it to a run.'),
    h(
      'div.row',
      {},
      h(
        'button',
        { type: 'button', onclick: () => save(new Blob([answer.yaml], { type: 'application/yaml' }), name) },
        'Save the requirement',
      ),
      h('code', {}, command('probe', 'whip', 'ADDRESS', '--require', name)),
    ),
    h('details', {}, h('summary', {}, 'The requirement'), h('pre', { tabIndex: 0, 'aria-label': 'Requirement' }, answer.yaml)),
  );
  box.scrollIntoView({ block: 'start' });
}

// Parsed as a drawing of its own, so that its words stay words.
const picture = (svg) => document.importNode(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement, true);
