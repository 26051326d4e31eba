import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { clock, page } from './page.mjs';

const { Figures, Window, markOf } = await page('stats.js');

beforeEach(() => {
  clock.now = 100_000;
});

test('a window counts, ranks and rates only what is no older than its span', () => {
  const window = new Window(1000);
  assert.deepEqual([window.count, window.quantile(0.5), window.rate()], [0, null, null]);
  window.add(99, clock.now - 1500);
  for (const [value, ago] of [[5, 900], [1, 600], [3, 300], [2, 0]]) window.add(value, clock.now - ago);
  assert.equal(window.count, 4);
  assert.deepEqual([0, 0.5, 0.99, 1].map((q) => window.quantile(q)), [1, 3, 5, 5]);
  assert.equal(window.rate().toFixed(6), (3 / 0.9).toFixed(6));
  clock.now += 700;
  assert.equal(window.count, 2);
  assert.equal(window.quantile(0.5), 3);
});

test('a rate needs two samples at two times', () => {
  const window = new Window();
  window.add(1);
  assert.equal(window.rate(), null);
  window.add(1);
  assert.equal(window.rate(), null);
});

test('a picture is marked by its age first, then by where it came from', () => {
  const mark = (lastShownAt, lastOrigin = 'generated') => markOf({ lastShownAt, lastOrigin }).mark;
  assert.equal(mark(null), 'waiting');
  assert.equal(mark(clock.now - 700), 'fresh');
  assert.equal(mark(clock.now - 701), 'frozen');
  assert.equal(mark(clock.now - 701, 'repeated'), 'frozen');
  assert.equal(mark(clock.now, 'repeated'), 'repeated');
  assert.equal(mark(clock.now, 'passed_through'), 'passed');
  assert.equal(markOf({ lastShownAt: clock.now - 40, lastOrigin: 'generated' }).age, 40);
});

const trace = (fields = {}) => ({ output: 1, origin: 'generated', arrived_ms: 500, decode_ms: 2, wait_ms: 3, step_ms: 20, ...fields });

test('only what the server calls generated counts as generated', () => {
  const figures = new Figures();
  for (const origin of ['generated', 'repeated', 'passed_through', 'generated']) figures.frame({ trace: trace({ origin }), capturedAt: null, displayedAt: clock.now });
  figures.frame({ trace: null, capturedAt: null, displayedAt: clock.now });
  assert.deepEqual([figures.generated.count, figures.repeats, figures.passed, figures.unjoined, figures.step.count], [2, 1, 1, 1, 3]);
});

test('the quickest of the last fifteen round trips says what the clocks differ by', () => {
  const figures = new Figures();
  assert.equal(figures.link, null);
  figures.pong({ t: 'no number', server_ms: 0 });
  assert.equal(figures.link, null);
  figures.pong({ t: clock.now - 10, server_ms: clock.now - 5 - 7000 });
  figures.pong({ t: clock.now - 80, server_ms: clock.now - 7000 });
  assert.deepEqual(figures.link, { rtt: 10, offset: 7000 });
  for (let i = 0; i < 15; i++) figures.pong({ t: clock.now - 30, server_ms: clock.now - 15 - 7000 });
  assert.equal(figures.link.rtt, 30);
});

test('the parts of the way add up to the whole, each known one where it was measured', () => {
  const figures = new Figures();
  figures.timings = { encode: 4, decode: 6, display: 5 };
  figures.pong({ t: clock.now - 10, server_ms: clock.now - 5 - 7000 });
  // Captured 25 ms before it arrived, shown 60 ms after.
  const arrived = clock.now - 60;
  figures.frame({ trace: trace({ arrived_ms: arrived - 7000 }), capturedAt: arrived - 25, displayedAt: clock.now });
  const parts = Object.fromEntries(figures.parts().map((p) => [p.name, p.ms]));
  assert.deepEqual(parts, {
    Capture: 16, Encode: 4, 'Way up': 5, Decode: 2, Wait: 3, Model: 20, Rest: 19, 'Way down': 5, 'Browser decode': 6, Display: 5,
  });
  assert.equal(Object.values(parts).reduce((a, b) => a + b), 85);
  assert.equal(figures.latency.quantile(0.5), 85);
});

test('what a model holds by design is a part of its own, and taken from no other', () => {
  const figures = new Figures();
  figures.pong({ t: clock.now, server_ms: clock.now });
  const arrived = clock.now - 100;
  figures.frame({ trace: trace({ arrived_ms: arrived, held_ms: 50 }), capturedAt: arrived, displayedAt: clock.now });
  const parts = Object.fromEntries(figures.parts().map((p) => [p.name, p.ms]));
  assert.equal(parts['By design'], 50);
  assert.equal(parts.Rest, 100 - 2 - 3 - 50 - 20);
});

test('parts that are not known are null, and none is negative', () => {
  const nothing = new Figures().parts();
  assert.ok(nothing.every((p) => p.ms === null));
  const figures = new Figures();
  figures.timings = { encode: 90, decode: 90, display: 90 };
  figures.pong({ t: clock.now - 200, server_ms: clock.now - 100 });
  figures.frame({ trace: trace({ arrived_ms: clock.now - 30 }), capturedAt: clock.now - 40, displayedAt: clock.now });
  assert.ok(figures.parts().every((p) => p.ms === null || p.ms >= 0));
});

test('shares are told only where the whole is known, and make it up', () => {
  const figures = new Figures();
  figures.timings = { encode: 4, decode: 6, display: 5 };
  figures.pong({ t: clock.now - 10, server_ms: clock.now - 5 - 7000 });
  const arrived = clock.now - 60;
  figures.frame({ trace: trace({ arrived_ms: arrived - 7000 }), capturedAt: null, displayedAt: clock.now });
  assert.equal(figures.shares(), null);
  figures.frame({ trace: trace({ arrived_ms: arrived - 7000 }), capturedAt: arrived - 40, displayedAt: clock.now });
  const share = figures.shares();
  assert.deepEqual(['you', 'link', 'server', 'net', 'rest'].map(share), [46, 10, 5, 20, 19]);
});

test('the curve has the median and the slowest of each quarter second, and a minute of them', () => {
  const figures = new Figures();
  for (const [at, delay] of [[1000, 30], [1100, 90], [1200, 40], [1250, 10], [1600, 1]]) figures.frame({ trace: trace(), capturedAt: at - delay, displayedAt: at });
  assert.deepEqual(figures.series, [{ at: 1000, mid: 40, most: 90 }, { at: 1250, mid: 10, most: 10 }]);
  for (let at = 2000; at < 80_000; at += 250) figures.frame({ trace: trace(), capturedAt: at - 5, displayedAt: at });
  assert.equal(figures.series.length, 240);
});
