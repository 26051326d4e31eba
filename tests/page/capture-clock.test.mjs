import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page } from './page.mjs';

const { CaptureClock } = await page('capture-clock.js');

// Frames of a camera at 30 a second through an encoder: how many stamps get a capture, and how many a wrong one.
function run({ uneven, late = 0, from, to, lost = 0, encode, jump = 0, offset = 777, held = 0, seed = 12345 }) {
  const clock = new CaptureClock();
  const events = [];
  let [known, wrong, left, put] = [0, 0, 0, 0];
  const chance = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  clock.encode = encode;
  for (let n = 0; n < 600; n++) {
    const at = 1000 + (n * 100) / 3 + chance() * uneven;
    events.push({ when: at, at });
    // Frames are stamped and leave in order, also where the machine holds some of them back.
    const stamped = (put = Math.max(put + 0.2, at + late * chance() * chance() + (chance() < held ? 100 * chance() : 0)));
    const gone = chance() < lost || (jump && n >= 300 && n < 310);
    const rtp = (Math.floor(stamped + offset + (n < 300 ? 0 : jump)) * 90) >>> 0;
    if (!gone) events.push({ when: (left = Math.max(left + 1, stamped + from + (to - from) * chance())), at, rtp });
  }
  events.sort((a, b) => a.when - b.when);
  for (const { when, at, rtp } of events) {
    if (rtp === undefined) {
      clock.captured(at);
      continue;
    }
    clock.stamped(rtp, when);
    const named = clock.captureTime(rtp);
    if (named !== null) known++;
    if (named !== null && named !== at) wrong++;
  }
  return { known, wrong };
}

const cameras = {
  'even frames that leave at once': [{ uneven: 0, from: 6, to: 6, encode: 5 }, true],
  'even frames that are encoded for longer than lies between them': [{ uneven: 0, from: 45, to: 45, encode: 40 }, false],
  'even frames that leave whenever the machine is free': [{ uneven: 0, from: 5, to: 60, encode: 5 }, false],
  'uneven frames, slowly encoded': [{ uneven: 10, from: 45, to: 45, encode: 40 }, true],
  'uneven frames on a busy machine that loses some': [{ uneven: 10, from: 50, to: 200, lost: 0.4, encode: 50 }, true],
  'an encoder that was begun anew a frame later': [{ uneven: 10, from: 50, to: 100, encode: 50, jump: 100 / 3 }, true],
  'an encoder that was begun anew a little earlier': [{ uneven: 10, from: 50, to: 100, encode: 50, jump: -8 }, true],
  'frames that are stamped late': [{ uneven: 5, late: 11, from: 8, to: 18, encode: 5 }, true],
  'frames that are stamped late, on a busy machine': [{ uneven: 5, late: 11, from: 8, to: 70, encode: 5 }, false],
  'stamps that wrap': [{ uneven: 10, from: 45, to: 45, encode: 40, offset: 2 ** 32 / 90 - 8000 }, true],
};

test('on a machine that is too busy no capture is named rather than a wrong one', () => {
  const kinds = [
    { uneven: 10, late: 6, from: 600, to: 1200, lost: 0.6 },
    { uneven: 10, late: 8, from: 50, to: 250, lost: 0.4, held: 0.2 },
  ];
  for (const kind of kinds) {
    const wrong = Array.from({ length: 20 }, (_, n) => run({ ...kind, seed: 7919 * (n + 1) }).wrong);
    assert.ok(wrong.reduce((sum, n) => sum + n) <= 10, `${wrong} of 600 each`);
  }
});

for (const [name, [camera, told]] of Object.entries(cameras)) {
  test(`captures of ${name} are ${told ? 'named' : 'not named'}, and never wrongly`, () => {
    const { known, wrong } = run(camera);
    assert.equal(wrong, 0);
    assert.ok(told ? known > 300 : known === 0, `${known} known`);
  });
}
