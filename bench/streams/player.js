// Plays a playlist with hls.js and reads, from each picture that it shows, when that was painted (TimeCode.cs).
window.playStream = async (playlist) => {
  const { default: Hls } = await import('/hls.js/hls.min.mjs');
  const columns = 26;
  const bits = 24;
  const canvas = Object.assign(document.createElement('canvas'), { width: columns * 4, height: 4 });
  const eye = canvas.getContext('2d', { willReadFrequently: true });
  const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
  document.body.append(video);
  window.seen = { delays: [], parts: 0, stalls: 0 };
  const look = () => {
    video.requestVideoFrameCallback(look);
    const now = Math.round((performance.timeOrigin + performance.now()) * 10) % 2 ** bits;
    const { videoWidth: w, videoHeight: h } = video;
    eye.drawImage(video, 0, (h * 11) / 12, w, h / 12, 0, 0, columns * 4, 4);
    const { data } = eye.getImageData(0, 0, columns * 4, 4);
    const luma = (c) => data[4 * (2 * columns * 4 + c * 4 + 2) + 1];
    const middle = (luma(bits) + luma(bits + 1)) / 2;
    let at = 0;
    for (let c = 0; c < bits; c++) if (luma(c) > middle) at |= 1 << c;
    seen.delays.push(((now - at + 2 ** bits) % 2 ** bits) / 10);
  };
  video.requestVideoFrameCallback(look);
  const hls = new Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5, enableWorker: false });
  hls.on(Hls.Events.FRAG_BUFFERED, (_, { part }) => { if (part) seen.parts++; });
  hls.on(Hls.Events.ERROR, (_, { details, fatal }) => {
    if (details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) seen.stalls++;
    if (fatal) setTimeout(() => hls.loadSource(playlist), 1000);
  });
  hls.loadSource(playlist);
  hls.attachMedia(video);
};
