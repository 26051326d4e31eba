namespace TrueLive.Core.Frames;

/// <summary>When a frame was made, on the two clocks that matter, and its place in its source.</summary>
/// <param name="Sequence">Counts the frames of one source from 0, dropped ones included.</param>
/// <param name="Captured">
/// Time on the source's own timeline (for WebRTC: unwrapped RTP time since the first frame; for a file: presentation time).
/// Never negative within a source and never decreasing with <paramref name="Sequence"/>.
/// </param>
/// <param name="Arrived"><see cref="TimeProvider.GetTimestamp"/> of this process when the whole frame was here; 0 for a source without arrival.</param>
/// <param name="MediaTime">The source's 90 kHz stamp as it was on the wire (RTP timestamp), for tracing; wraps.</param>
public readonly record struct FrameTime(long Sequence, TimeSpan Captured, long Arrived, uint MediaTime);
