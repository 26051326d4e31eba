// Reports the RTP stamp of every encoded frame that leaves, and lets the frames pass untouched.
onrtctransform = ({ transformer }) => {
  transformer.readable
    .pipeThrough(
      new TransformStream({
        transform(frame, out) {
          out.enqueue(frame);
          postMessage({ rtp: frame.getMetadata().rtpTimestamp ?? frame.timestamp, seenAt: performance.timeOrigin + performance.now() });
        },
      }),
    )
    .pipeTo(transformer.writable);
};
