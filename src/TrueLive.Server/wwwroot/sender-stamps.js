// Reports the RTP stamp of every n-th encoded frame that leaves, n being what the page posted last; lets the frames pass untouched.
let every = 1;
let frames = 0;
onmessage = ({ data }) => (every = data);
onrtctransform = ({ transformer }) => {
  transformer.readable
    .pipeThrough(new TransformStream({
      transform(frame, out) {
        out.enqueue(frame);
        if (frames++ % every === 0) postMessage({ rtp: frame.getMetadata().rtpTimestamp ?? frame.timestamp, seenAt: performance.timeOrigin + performance.now() });
      },
    }))
    .pipeTo(transformer.writable);
};
