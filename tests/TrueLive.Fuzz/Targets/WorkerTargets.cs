using TrueLive.Workers;
using TrueLive.Workers.Jail;
using TrueLive.Workers.Link;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a worker can send over its socket.</summary>
internal static class WorkerTargets
{
    private static readonly MadePicture[] Pictures = new MadePicture[MadeMessage.MaxPictures];

    /// <summary>Successive messages, as the host reads them; the first byte says whether a memory is expected.</summary>
    public static void Messages(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return;
        var expectsState = (input[0] & 1) != 0;
        var rest = input[1..];
        try
        {
            while (rest.Length >= FrameHead.Size)
            {
                var head = FrameHead.Read(rest, expectsState);
                if (head.Length is < 0 or > FrameHead.MaxState)
                    throw new InvalidOperationException($"a length of {head.Length} was taken");
                rest = rest[FrameHead.Size..];
                var body = rest[..Math.Min(rest.Length, head.Length)];
                rest = rest[body.Length..];
                if (head.Kind == FrameKind.Control)
                    _ = Told(FromWorker.Read(body));
                else if (head.Kind == FrameKind.Made && MadeMessage.Read(body, Pictures).Count is < 0 or > MadeMessage.MaxPictures)
                    throw new InvalidOperationException("more pictures than there may be");
            }
        }
        catch (WorkerException)
        {
            // The documented refusal.
        }
    }

    private static string Told(FromWorker message) => WorkerRun.Told(message) is { Length: <= 64 * 401 } told
        ? told : throw new InvalidOperationException("a reason without bounds");
}
