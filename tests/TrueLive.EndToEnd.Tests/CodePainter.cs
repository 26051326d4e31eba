namespace TrueLive.EndToEnd.Tests;

/// <summary>
/// Script that paints a 16-bit number into every frame that the page's own scene sends, remembers when each was captured, and reads
/// the number back from every picture that comes out, so that what the page says about a frame can be checked against its pixels.
/// </summary>
internal static class CodePainter
{
    /// <summary>
    /// Makes <c>codes</c>: rows [number read, capture time of that number, capture time by provenance or null, shown at, prompt
    /// revision]. A picture whose number was never painted has -1 and null first.
    /// </summary>
    public const string Start =
        """
        () => {
          const source = trueLive.source, canvas = source.canvas, pen = canvas.getContext('2d');
          const painted = new Map();
          let number = Math.floor(Math.random() * 40000);
          const cell = canvas.width / 20;
          source.addEventListener('capture', ({ detail }) => {
            number = (number + 1) & 0xffff;
            const gray = number ^ (number >> 1);
            pen.fillStyle = '#808080';
            pen.fillRect(0, canvas.height - 2 * cell, canvas.width, 2 * cell);
            for (let bit = 0; bit < 18; bit++) {
              const on = bit < 16 ? (gray >> bit) & 1 : bit === 16;
              pen.fillStyle = on ? '#e8e8e8' : '#181818';
              pen.fillRect((bit + 1) * cell, canvas.height - 1.75 * cell, cell, 1.5 * cell);
            }
            painted.set(number, detail);
          });
          const small = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
          const eye = small.getContext('2d', { willReadFrequently: true });
          window.readCode = (view) => {
            eye.drawImage(view, 0, 0, 640, 360);
            const row = eye.getImageData(0, 360 - 32, 640, 1).data;
            const luma = (bit) => row[4 * Math.round((bit + 1.5) * 32) + 1];
            const middle = (luma(16) + luma(17)) / 2;
            let gray = 0;
            for (let bit = 0; bit < 16; bit++) if (luma(bit) > middle) gray |= 1 << bit;
            let n = gray;
            for (let shift = 1; shift < 16; shift <<= 1) n ^= n >> shift;
            return n & 0xffff;
          };
          window.codes = [];
          const { transport } = trueLive, view = transport.view, read = new Map();
          const note = (n, { trace, capturedAt, displayedAt }) => painted.has(n)
            ? codes.push([n, painted.get(n), capturedAt, displayedAt, trace.revision]) : codes.push([-1, null, capturedAt, displayedAt, trace.revision]);
          if (view.requestVideoFrameCallback) {
            // The view may show the next picture by the time that this is called: only the pixels of the one that is meant count.
            const look = (now, meta) => {
              view.requestVideoFrameCallback(look);
              const picture = new VideoFrame(view);
              if (Math.abs(picture.timestamp - meta.mediaTime * 1e6) < 2) read.set(meta.rtpTimestamp, readCode(picture));
              picture.close();
            };
            view.requestVideoFrameCallback(look);
            transport.addEventListener('frame', ({ detail }) => {
              if (!detail.trace) return;
              // The page joins in the same callback that the test reads in: let both run.
              queueMicrotask(() => setTimeout(() => { const n = read.get(detail.trace.output_media_time); if (n !== undefined) note(n, detail); }));
            });
          } else {
            transport.addEventListener('frame', ({ detail }) => note(readCode(view), detail));
          }
        }
        """;
}
