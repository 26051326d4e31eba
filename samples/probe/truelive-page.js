// TrueLive's own page as its users see it: the session, transport and figures are the modules that the server gives its page. Besides
// being measured from outside, up to the display, it logs the glass-to-glass delay that the page would show, so that the two can be compared.
//   TRUELIVE_KEY=... truelive probe page samples/probe/truelive-page.js --var url=http://127.0.0.1:8080
// The server must require API keys: only then may pages of other origins, such as this one, use it.
export const environment = ['TRUELIVE_KEY'];

let session;

export async function connect(stream, { environment, variables, ended, log }) {
  const server = new URL(variables.url);
  const own = { fetch: globalThis.fetch.bind(globalThis), Worker: globalThis.Worker };
  globalThis.fetch = (address, options) => own.fetch(new URL(address, server), options);
  // A worker script must have the same origin, but may import from another.
  globalThis.Worker = function (address, options) {
    return new own.Worker(URL.createObjectURL(new Blob([`import ${JSON.stringify(String(address))};`], { type: 'text/javascript' })), options);
  };
  navigator.mediaDevices.getUserMedia = async () => stream;
  // The browser knows when a camera's frames were captured; the probe's count as captured when they are written.
  const { write } = WritableStreamDefaultWriter.prototype;
  WritableStreamDefaultWriter.prototype.write = function (chunk) {
    if (chunk instanceof VideoFrame) session?.source?.captured(performance.now());
    return write.call(this, chunk);
  };
  const [{ Session }, { tab }] = await Promise.all([import(new URL('/session.js', server)), import(new URL('/dom.js', server))]);
  tab.set('key', environment.TRUELIVE_KEY);
  const { model, size, prompt = 'oil' } = variables;
  session = new Session(() => ({ model, size, prompt, strength: 1 }));

  const delays = [];
  session.addEventListener('frame', ({ detail: { trace, capturedAt, displayedAt } }) => {
    if (trace?.origin === 'generated' && capturedAt !== null) delays.push(displayedAt - capturedAt);
  });
  const report = setInterval(() => {
    const sorted = delays.toSorted((a, b) => a - b);
    const at = (q) => sorted[Math.floor(q * (sorted.length - 1))].toFixed(1);
    if (sorted.length) log(`the page measured glass to glass p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, n = ${sorted.length}`);
  }, 5000);
  const opened = new Promise((resolve, reject) => {
    session.addEventListener('opened', ({ detail }) => resolve(detail), { once: true });
    session.addEventListener('failed', ({ detail }) => reject(detail.error), { once: true });
    session.addEventListener('source', () => document.body.append(session.source.view), { once: true });
  });
  await session.start('camera');
  const transport = await opened;
  document.body.append(transport.view);
  transport.addEventListener('closed', ({ detail }) => (clearInterval(report), ended(detail.words)));
  return transport.view;
}

export const prompt = (text) => session.transport.control.command('prompt', { text }).accepted;
