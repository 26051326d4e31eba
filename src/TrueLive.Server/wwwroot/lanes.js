// One clock for all three tiers: a lane for each, a dot where its first changed picture was seen, a bar while it is being made.
import { h, ms } from './dom.js';

/** Draws what has `landed` of each tier by `now`, in ms since it was asked for; `aside` and `back` say when Live was paused and resumed. */
export function drawLanes(box, tiers, landed, { now, aside, back }) {
  const last = Math.max(...tiers.map((t) => landed[t.id]?.whole ?? now));
  const span = Math.max(1000, Math.min(now, last) * 1.15);
  const x = (t) => `${Math.min(100, (100 * t) / span)}%`;
  const bar = (kind, from, to) => h(`i.${kind}`, { style: `left:${x(from)};width:calc(${x(to)} - ${x(from)})` });
  box.setAttribute(
    'aria-label',
    tiers
      .map((t) => `${t.title}: ${landed[t.id]?.first === undefined ? 'no answer yet' : `changed picture after ${ms(landed[t.id].first)}`}`)
      .join('. '),
  );
  box.replaceChildren(
    ...tiers.map((t) => {
      const { first, whole } = landed[t.id] ?? {};
      const seen = first !== undefined;
      // Live runs from its first picture on, except while it is paused.
      const bars =
        t.id !== 'live' || !seen
          ? [bar('wait', 0, whole ?? now)]
          : [bar('flow', first, aside ?? now), ...(back === null ? [] : [bar('flow', back, now)])];
      return h(
        `div.lane.${t.id}`,
        {},
        h('b', {}, t.title),
        h(
          'div.track',
          {},
          ...bars,
          seen && h('i.dot', { style: `left:${x(first)}` }),
          seen && h('span', { style: `left:${x(first)}`, className: first / span > 0.7 ? 'num before' : 'num' }, ms(first)),
        ),
      );
    }),
    h('p.note.num.scale', {}, h('span', {}, 'you change it'), h('span', {}, `${(span / 1000).toFixed(1)} s`)),
  );
}
