// An uploaded file, as far as this browser can show it.
import { h } from './dom.js';

const PICTURES = ['gif', 'apng', 'png', 'mjpeg', 'webp'];

/** An upload on the page: its file as a film or a picture, or the server's own picture of it where the browser cannot show the file. */
export function shown(url, { codec, frames, preview_url: preview }, label, film = {}) {
  const box = h('div.shown');
  const words = () => box.replaceChildren(h('p.note', {}, 'No picture of it can be shown here; a clip can be made all the same.'));
  const serverMade = () =>
    preview ? box.replaceChildren(h('img', { src: preview, alt: `${label}, a picture from it`, onerror: words })) : words();
  // Some browsers play the sound of a film whose pictures they cannot decode.
  const seen = (event) => event.target.videoWidth || serverMade();
  box.append(
    frames === 1 || PICTURES.includes(codec)
      ? h('img', { src: url, alt: label, onerror: serverMade })
      : h('video', {
          src: url,
          muted: true,
          loop: true,
          playsInline: true,
          preload: 'auto',
          'aria-label': label,
          onerror: serverMade,
          onloadedmetadata: seen,
          ...film,
        }),
  );
  return box;
}

/** Kinds of files for a picker: browsers do not know all of them as films or pictures. */
export const TAKEN = 'video/*,image/*,.zip,.mkv,.avi,.mov,.ts,.mts,.m2ts,.mxf,.flv,.wmv,.ogv,.avif,.heic';
