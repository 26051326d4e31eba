import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page } from './page.mjs';

globalThis.location = { href: 'http://127.0.0.1:8080/below/index.html' };
const { at, clock, ms, seconds, size } = await page('dom.js');

test('times are given with as many figures as they can bear', () => {
  assert.deepEqual([null, undefined, 0, 9.94, 9.95, 999.6, 9994, 9995].map(ms), ['not measured', 'not measured', '0.0 ms', '9.9 ms', '10 ms', '1000 ms', '9994 ms', '10.0 s']);
  assert.deepEqual([null, 0.04, 9.94, 9.95, 75].map(seconds), ['not measured', '0.0 s', '9.9 s', '10 s', '75 s']);
  assert.deepEqual([0, 59.9, 60, 605].map(clock), ['0:00', '0:59', '1:00', '10:05']);
});

test('sizes turn from kB to MB at a million bytes', () => assert.deepEqual([0, 1499, 999_999, 1_000_000, 12_340_000].map(size), ['0 kB', '1 kB', '1000 kB', '1.0 MB', '12.3 MB']));

test('a path of the server is reached below the path of a proxy, once', () =>
  assert.deepEqual(['/v1/clips', '/below/v1/clips', 'v1/clips'].map(at), ['/below/v1/clips', '/below/v1/clips', 'v1/clips']));
