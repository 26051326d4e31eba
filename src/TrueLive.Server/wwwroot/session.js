import { Refused } from './control.js';
import { ask, tab } from './dom.js';
import { sources } from './sources.js';
import { Figures } from './stats.js';

const AWAY_LIMIT = 60_000;
const PING_EVERY = 2000;
// A model that fails twice within this time, in ms, is assumed to keep failing.
const FAILS_AGAIN = 30_000;
const GOING = 2000;
// Loaded with the first session, so that they are there when the connection is lost.
const transports = () => Promise.all([import('./transport-webrtc.js'), import('./transport-ws.js')]);

/**
 * One live session of this page over its connections: opens the input, connects, reconnects after a broken connection, and keeps
 * the figures. Events: `state` {state, words}, `source`, `opened` (a connection runs), `settings` (what is in force has changed),
 * `frame`, `failed` {error}.
 * States: idle, opening, connecting, live, paused, away.
 */
export class Session extends EventTarget {
  source = null;
  transport = null;
  figures = new Figures();
  state = 'idle';
  startedAt = null;
  path = null;
  /** Words for what a session waits for at its start; null for nothing in particular. */
  connecting = () => null;
  /** The kind of source in use. */
  kind = null;
  // A new object for each start, so that code that still waits for an older start can tell.
  #wanted = null;
  #request;
  #keeps;
  #token = null;
  // Number of this page's last connection: of two pages with one token (a duplicated tab), the server refuses the older.
  #connection = null;
  // Ticket of this page's position in the waiting line of a full server.
  #line = null;
  #ping = null;
  #id = null;
  #gone = null;
  #modelFailedAt = -Infinity;

  /**
   * @param {() => object} request gives model, size, prompt and strength as they are wanted now
   * @param {boolean} keeps whether the tab stores the token, so that a reloaded page resumes this session
   */
  constructor(request, keeps = false) {
    super();
    this.#request = request;
    this.#keeps = keeps;
    if (keeps) [this.#token, this.#connection, this.#line] = ['token', 'connection', 'line'].map(tab.get);
  }

  get running() {
    return this.#wanted !== null;
  }

  async start(kind, options) {
    if (this.running) this.stop();
    const run = (this.#wanted = {});
    try {
      this.#move('opening', 'Opening the input…');
      const source = await sources[kind](options);
      if (this.#wanted !== run) return source.stop();
      this.source = source;
      this.kind = kind;
      source.addEventListener('ended', () => this.source === source && this.stop('The input ended.'));
      this.#tell('source');
      // The previous session may hold the server's only place.
      await Promise.race([this.#gone, new Promise((resolve) => setTimeout(resolve, GOING))]);
      if (this.#wanted !== run) return;
      await this.#connect(run);
    } catch (error) {
      if (this.#wanted !== run) return;
      if (error.kind === 'replaced') return this.#giveWay(error.message);
      this.stop();
      this.#tell('failed', { error });
    }
  }

  stop(words = 'Stopped.') {
    this.#wanted = null;
    // Without a connection the server would keep the session and its place, although nobody will resume it.
    this.#gone = this.transport
      ? this.transport.close(true)
      : this.#id
        ? ask(`/v1/sessions/${this.#id}`, { method: 'DELETE', keepalive: true }).catch(() => {})
        : this.#gone;
    this.transport = this.#id = null;
    clearInterval(this.#ping);
    this.#remember(null);
    this.source?.stop();
    this.source?.view.remove();
    this.source = null;
    this.startedAt = null;
    this.path = null;
    this.#move('idle', words);
  }

  async #connect(run) {
    // After a reconnect the last picture stays on the stage, marked as frozen, until a new one comes.
    const state = this.startedAt === null ? 'connecting' : 'away';
    if (state === 'connecting') this.#move(state, this.connecting() ?? 'Connecting…');
    const [{ WebRtcTransport }, { JpegTransport }] = await transports();
    if (this.#wanted !== run) return;
    const only = new URLSearchParams(location.search).get('transport');
    const ways =
      only === 'ws' || !('RTCPeerConnection' in window)
        ? [JpegTransport]
        : only === 'webrtc'
          ? [WebRtcTransport]
          : [WebRtcTransport, JpegTransport];
    let abandon = null;
    for (const way of ways) {
      try {
        const request = { ...this.#request(), token: this.#token, connection: this.#connection, line: this.#line, key: tab.get('key') };
        const opened = await this.#open(way, request);
        if (this.#wanted === run) this.#adopt(opened, way, run);
        else opened.close(true);
        return;
      } catch (error) {
        this.#waits(error.line?.ticket ?? this.#line);
        if (error.kind === 'gone' && this.#token) {
          this.#remember(null);
          return this.#connect(run);
        }
        // A session that a failed transport has opened is ended only if no other transport succeeds.
        abandon = error.abandon ?? abandon;
        if (error.kind !== 'network' || way === ways.at(-1)) {
          abandon?.();
          throw error;
        }
        if (error.token) this.#remember(error.token, error.connection);
        this.#move(state, `${error.message} Trying ${JpegTransport.label}…`);
      }
    }
  }

  // A handshake that fails on a path that works is tried once more before another transport is.
  async #open(way, request) {
    try {
      return await way.open(this.source, request);
    } catch (error) {
      if (!error.answered) throw error;
      await error.abandon?.();
      return way.open(this.source, request);
    }
  }

  #adopt(opened, way, run) {
    this.transport = opened;
    this.#waits(null);
    this.figures = new Figures();
    this.startedAt ??= performance.now();
    const { session, control } = opened;
    this.#remember(session.token, session.connection);
    this.#id = session.session;
    this.#move(
      'live',
      session.resumed
        ? `Back in the session. ${session.resumed.lost}`
        : `Live: ${session.model} at ${session.size}${session.transport === 'websocket-jpeg' ? `, ${way.label}` : ''}.`,
    );
    if (session.paused) this.#move('paused', 'Paused.');
    opened.path().then((path) => (this.path = `${way.label}${path && path !== 'websocket' ? ` over ${path.toUpperCase()}` : ''}`));
    opened.addEventListener('shown', ({ detail }) => this.figures.displayed(detail));
    opened.addEventListener('frame', ({ detail }) => {
      this.figures.frame(detail);
      this.#tell('frame', detail);
    });
    let left = null;
    opened.addEventListener(
      'closed',
      ({ detail }) => this.transport === opened && this.#left(left?.cause, left?.reason ?? detail.words, run),
    );
    control.addEventListener('accepted', ({ detail: { model, size, prompt } }) => {
      Object.assign(session, { model, size, prompt });
      this.#tell('settings', session);
    });
    control.addEventListener('stats', ({ detail }) => (this.figures.server = detail));
    control.addEventListener('pong', ({ detail }) => this.figures.pong(detail));
    control.addEventListener('state', ({ detail }) => {
      if (detail.state === 'paused') this.#move('paused', 'Paused.');
      if (detail.state === 'live' && this.state === 'paused') this.#move('live', 'Live.');
      if (detail.state === 'detached') left = detail;
      if (detail.state === 'ended' && this.transport === opened) this.stop(detail.reason);
    });
    clearInterval(this.#ping);
    const ping = async () => {
      control.ping();
      this.figures.timings = (await opened.timings?.().catch(() => null)) ?? null;
    };
    this.#ping = setInterval(ping, PING_EVERY);
    for (let n = 1; n < 5; n++) setTimeout(ping, 150 * n);
    this.#tell('opened', opened);
  }

  #left(cause, words, run) {
    if (cause === 'control_replaced') this.#giveWay(words);
    else if (cause === 'step_server') this.#modelFailed(words, run);
    else this.#comeBack(words, run);
  }

  // A newer page uses the same token. Reconnecting would take the session from it, and it would then reconnect as well.
  #giveWay(words) {
    const [token, lost] = [this.#token, this.transport];
    this.transport = this.#id = null;
    lost?.close(false);
    this.stop(words);
    this.#tell('failed', {
      error: Object.assign(new Refused({ kind: 'replaced', words: `${words} It goes on there; this page has stopped.` }), { token }),
    });
  }

  /** Takes the session with this token over from wherever it runs. */
  takeBack(token, kind, options) {
    this.#remember(token);
    return this.start(kind, options);
  }

  /** Gives up the position in the waiting line. */
  leaveLine() {
    if (this.#line) ask(`/v1/line/${this.#line}`, { method: 'DELETE', keepalive: true }).catch(() => {});
    this.#waits(null);
  }

  #waits(ticket) {
    this.#line = ticket;
    if (this.#keeps) tab.set('line', ticket);
  }

  #modelFailed(words, run) {
    const again = performance.now() - this.#modelFailedAt < FAILS_AGAIN;
    this.#modelFailedAt = performance.now();
    if (!again) return this.#comeBack(words, run);
    this.transport.close(false);
    this.transport = null;
    this.stop(words);
    this.#tell('failed', {
      error: new Refused({ kind: 'model', words: `${words} It did so twice: this model does not work with this input here.` }),
    });
  }

  async #comeBack(words, run) {
    this.transport?.close(false);
    this.transport = null;
    clearInterval(this.#ping);
    const since = performance.now();
    for (let wait = 250; this.#wanted === run && performance.now() - since < AWAY_LIMIT; wait = Math.min(4000, wait * 2)) {
      this.#move('away', `${words} Connecting again…`);
      try {
        return await this.#connect(run);
      } catch (error) {
        if (this.#wanted !== run) return;
        // A server that has just started admits few sessions until it has measured its capacity, and says when to retry.
        const full = error.kind === 'full';
        if (error.kind === 'replaced') return this.#giveWay(error.message);
        if (!full && error.kind !== 'network' && error.kind !== 'unreachable') {
          this.stop();
          return this.#tell('failed', { error });
        }
        if (full) this.#move('away', `${error.message} Asking again…`);
        await new Promise((resolve) => setTimeout(resolve, full ? Math.min(10, error.retryAfter ?? 5) * 1000 : wait));
      }
    }
    if (this.#wanted !== run) return;
    this.stop(words);
    this.#tell('failed', { error: new Refused({ kind: 'lost', words: `${words} It did not come back within a minute.` }) });
  }

  #remember(token, connection = null) {
    [this.#token, this.#connection] = [token, connection];
    if (!this.#keeps) return;
    tab.set('token', token);
    tab.set('connection', connection);
  }

  #move(state, words) {
    this.state = state;
    this.#tell('state', { state, words });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
