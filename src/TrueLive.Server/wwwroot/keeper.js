// What can be saved from the stage: a snapshot, and a recording to this computer. Both say that AI made the picture where it did.
import { marked } from './ai-mark.js';
import { $, save, say, stamp, trouble } from './dom.js';

// Longest time that the browser takes to save a recording, in ms.
const SAVED_WITHIN = 600_000;

export class Keeper {
  #session;
  #stage;
  #recorder = null;

  constructor(session, stage) {
    this.#session = session;
    this.#stage = stage;
  }

  stop() {
    this.#recorder?.stop();
  }

  async snapshot() {
    const view = this.#session.transport?.view;
    const { width, height } = this.#stage.size;
    if (!width) return;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d').drawImage(view, 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (!blob) return trouble('The browser makes no picture of this.');
    save(await marked(blob, this.#stage.sourceType()), `truelive-${stamp()}.png`);
    say('Snapshot saved.');
  }

  async record() {
    if (this.#recorder) return void this.#recorder.stop();
    if (!('MediaRecorder' in window)) return trouble('This browser cannot record. Snapshot works.');
    const type = ['video/mp4;codecs=avc1', 'video/webm;codecs=vp9', 'video/webm'].find((t) => MediaRecorder.isTypeSupported(t));
    if (!type) return trouble('This browser cannot record video. Snapshot works.');
    const kept = await recording(type);
    // Pressed twice, or the session ended meanwhile.
    if (this.#recorder || !this.#session.transport) return void kept.end();
    const sourceType = this.#stage.sourceType();
    const recorder = (this.#recorder = new MediaRecorder(this.#stage.stream, { mimeType: type, videoBitsPerSecond: 6e6 }));
    recorder.ondataavailable = ({ data }) => kept.add(data).catch(() => recorder.state !== 'inactive' && recorder.stop());
    recorder.onstop = async () => {
      if (this.#recorder === recorder) this.#recorder = null;
      $('record').setAttribute('aria-pressed', 'false');
      try {
        save(await marked(await kept.end(), sourceType), `truelive-${stamp()}.${type.includes('mp4') ? 'mp4' : 'webm'}`);
        say('Recording saved.');
      } catch (error) {
        trouble(`The recording is lost: ${error.message}`);
      }
    };
    recorder.start(1000);
    $('record').setAttribute('aria-pressed', 'true');
    say('Recording to this computer. Press again to save.');
  }
}

// An hour of video takes gigabytes, so it is written to the browser's private file system, and kept in memory only where there is none (no
// secure context). The browser may still be saving an earlier recording, so that one is removed by a recording that begins much later.
async function recording(type) {
  try {
    const folder = await navigator.storage.getDirectory();
    for await (const [name, old] of folder.entries())
      if (Date.now() - (await old.getFile()).lastModified > SAVED_WITHIN) await folder.removeEntry(name).catch(() => {});
    const file = await folder.getFileHandle(`recording-${crypto.randomUUID()}`, { create: true });
    const to = await file.createWritable();
    let written = Promise.resolve();
    return {
      add: (data) => (written = written.then(() => to.write(data))),
      end: async () => {
        await written;
        await to.close();
        return new Blob([await file.getFile()], { type });
      },
    };
  } catch {
    const parts = [];
    return { add: async (data) => parts.push(data), end: () => new Blob(parts, { type }) };
  }
}
