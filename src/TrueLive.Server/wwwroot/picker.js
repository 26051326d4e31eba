// The models of the server: what each is and costs, before one starts.
import { $, ms, post, size } from './dom.js';

const fps = (m) =>
  m.broken
    ? 'cannot be used'
    : m.not_live
      ? 'for clips'
      : m.about_fps
        ? m.about_fps < 1000
          ? `about ${Math.round(m.about_fps)} fps here`
          : 'over 1000 fps here'
        : 'not measured yet';

/** Name, chunk where it has more than one frame, and the rate on this machine. */
export const titleOf = (m) => `${m.title} (${m.chunk.takes > 1 ? `chunks of ${m.chunk.takes}, ` : ''}${fps(m)})`;

/** The choice of a model, with a sentence on the one chosen. */
export class Picker {
  models = [];
  #default = null;

  meet({ models, default_model: id }) {
    [this.models, this.#default] = [models, id];
    this.#fill(id);
  }

  get chosen() {
    return this.models.find((m) => m.id === $('model').value);
  }

  /** What a session with this model would wait for; null if it would begin at once. */
  get warming() {
    return this.chosen && !this.chosen.warm ? `Loading ${this.chosen.title}, which nobody has used for a while…` : null;
  }

  /** A model that runs is loaded. */
  ran(id) {
    const model = this.models.find((m) => m.id === id);
    if (model && !model.warm) model.warm = true;
    this.tell();
  }

  /** Loads the chosen model, and measures it where nobody is live. */
  async warm() {
    const model = this.chosen;
    if (model && !(model.warm && model.about_fps)) {
      $('model-note').textContent = `Warming up ${model.title}…`;
      try {
        Object.assign(model, await post(`/v1/models/${model.id}/warm`, {}));
        this.#fill($('model').value);
      } catch (error) {
        if (this.chosen === model) $('model-note').textContent = error.message;
        return;
      }
    }
    this.tell();
  }

  tell() {
    const m = this.chosen;
    if (!m) return;
    $('model-note').textContent =
      m.broken ??
      [
        m.by_design_ms ? `Its pictures are ${ms(m.by_design_ms)} late by design.` : '',
        m.warm ? '' : `Loaded when first used${m.memory_mb ? `; takes about ${size(m.memory_mb * 1048576)}` : ''}.`,
        // They cannot be chosen here.
        ...this.models.map((other) => other.not_live ?? ''),
      ]
        .join(' ')
        .trim();
  }

  #fill(value) {
    $('model').replaceChildren(
      ...this.models.map((m) =>
        Object.assign(new Option(titleOf(m), m.id, m.id === this.#default, m.id === value), { disabled: !!(m.not_live || m.broken) }),
      ),
    );
    this.tell();
  }
}
