// Control protocol version 1 over any carrier of text messages. docs/control-protocol.md is the reference.

/** A refusal of the server or of the browser that the page can explain. */
export class Refused extends Error {
  constructor({ kind, words, retryAfter, line }) {
    super(words);
    this.kind = kind;
    this.retryAfter = retryAfter;
    this.line = line;
  }
}

const LOST = new Refused({ kind: 'lost', words: 'The connection is away: the command was not answered.' });

/** Sends commands with ids and gives two promises for each: accepted, and applied to a picture. */
export class Control extends EventTarget {
  #send;
  #next = 1;
  #waiting = new Map();

  /** @param {(text: string) => void} send puts one message on the wire */
  constructor(send) {
    super();
    this.#send = send;
  }

  /**
   * One command. `accepted` resolves with the server's answer or rejects with its reason; `applied` resolves with the first frame
   * that shows the effect. If the connection ends first, both reject.
   */
  command(type, fields = {}) {
    const id = `c${this.#next++}`;
    const entry = { sentAt: performance.now() };
    const accepted = new Promise((resolve, reject) => Object.assign(entry, { accept: resolve, refuse: reject }));
    const applied = new Promise((resolve, reject) => Object.assign(entry, { apply: resolve, lose: reject }));
    // Most callers await only `accepted`: a rejection of `applied` must not count as unhandled.
    applied.catch(() => {});
    this.#waiting.set(id, entry);
    try {
      this.#send(JSON.stringify({ type, id, ...fields }));
    } catch {
      this.#drop(id, LOST);
    }
    return { id, accepted, applied };
  }

  /** Asks for the server's clock; `pong` answers. Dropped silently without a connection. */
  ping() {
    try {
      this.#send(JSON.stringify({ type: 'ping', id: 'ping', t: performance.now() }));
    } catch {
      // The transport reports a broken connection itself.
    }
  }

  /** The connection has ended: nothing that still waits will be answered. */
  end() {
    for (const id of [...this.#waiting.keys()]) this.#drop(id, LOST);
  }

  #drop(id, error) {
    const { refuse, lose } = this.#waiting.get(id);
    this.#waiting.delete(id);
    refuse(error);
    lose(error);
  }

  /** One text message from the server. */
  receive(text) {
    const message = JSON.parse(text);
    const entry = this.#waiting.get(message.id);
    if (message.type === 'accepted') entry?.accept(message);
    if (entry && (message.type === 'rejected' || message.type === 'error')) this.#drop(message.id, new Error(message.reason));
    if (message.type === 'applied' && entry) {
      this.#waiting.delete(message.id);
      entry.apply({ ...message, sentAt: entry.sentAt });
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }
}

/** What the server says when it refuses a request, in words for people. */
export async function wordsOf(response) {
  if (response.status === 401) return { kind: 'key', words: 'This server asks for an API key.' };
  const problem = await response.json().catch(() => ({}));
  const words = problem.detail || problem.title || `The server answered ${response.status}.`;
  return {
    kind: { 503: 'full', 404: 'gone', 409: 'replaced', 429: 'busy' }[response.status] ?? 'refused',
    words,
    retryAfter: problem.retry_after_s,
    line: problem.line,
  };
}
