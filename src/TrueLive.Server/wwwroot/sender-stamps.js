// Reports the RTP stamp of every encoded frame that leaves until it is told that this is enough; lets the frames pass untouched.
let wanted = true;
onmessage = () => (wanted = false);
onrtctransform = ({ transformer }) => {
  transformer.readable
    .pipeThrough(new TransformStream({
      transform(frame, out) {
        out.enqueue(frame);
        if (wanted) postMessage({ rtp: frame.getMetadata().rtpTimestamp ?? frame.timestamp, seenAt: performance.timeOrigin + performance.now() });
      },
    }))
    .pipeTo(transformer.writable);
};
