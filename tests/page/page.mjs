// The page's own modules, to be imported by tests that need no browser.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Node takes a .js file for a module only where a package.json says so, and the page has none.
const folder = mkdtempSync(join(tmpdir(), 'truelive-page-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
cpSync(fileURLToPath(new URL('../../src/TrueLive.Server/wwwroot', import.meta.url)), folder, { recursive: true });
writeFileSync(join(folder, 'package.json'), '{"type":"module"}');

export const page = (name) => import(pathToFileURL(join(folder, name)));

/** A clock in place of performance.now(): set `clock.now`. */
export const clock = { now: 0 };
performance.now = () => clock.now;
