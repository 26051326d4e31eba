using TrueLive.Core.Frames;
using TrueLive.Core.Processes;
using TrueLive.Media.Codecs;
using TrueLive.Media.Isolated;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Doctor;

/// <summary>Checks what shuts in the programs that read strangers' bytes, and the decode processes of <c>isolate_decoders</c>.</summary>
internal static class SandboxChecks
{
    private const string Part = "sandbox";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async IAsyncEnumerable<Finding> RunAsync(
        ServerOptions options, TimeProvider time, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        yield return Bubblewrap.IsUsable
            ? Finding.Right(Part, "bubblewrap works: what opens strangers' files sees those files and no network")
            : Finding.Note(Part, "bubblewrap is not installed, or may make no namespaces here: ffmpeg opens strangers' files with this " +
                "user's rights, bounded by the limits of the kernel alone. Models in Python are refused.",
                "Install it: apt-get install bubblewrap. If it is installed, let this user make user namespaces (sysctl " +
                "kernel.unprivileged_userns_clone=1; in a container, a seccomp profile that allows them).");
        if (options.IsolateDecoders)
            yield return await DecoderAsync(time, cancel).ConfigureAwait(false);
    }

    // One picture there and back.
    private static async Task<Finding> DecoderAsync(TimeProvider time, CancellationToken cancel)
    {
        const string Mend = "Correct that, or leave isolate_decoders off.";
        if (IsolatedDecoder.WhyNot() is { } why)
            return Finding.Wrong(Part, $"isolate_decoders: {why}", Mend);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        var pool = new FramePool("doctor");
        using var codec = new JpegCodec();
        using var sent = pool.Rent(64, 48);
        var jpeg = codec.Encode(sent, 80).ToArray();
        var ended = new TaskCompletionSource<DecoderEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        var began = time.GetTimestamp();
        using var decoder = new IsolatedDecoder(time, end => ended.TrySetResult(end));
        var coded = new EncodedFrame { Codec = VideoCodec.Jpeg, Data = jpeg, KeyFrame = true, RtpTime = 0 };
        using var picture = await decoder.DecodeAsync(coded, pool, limit.Token).ConfigureAwait(false);
        if (picture is not null)
        {
            var says = FormattableString.Invariant(
                $"a decode process starts, and decoded a picture within {time.GetElapsedTime(began).TotalMilliseconds:0} ms");
            return IsolatedDecoder.IsSandboxed ? Finding.Right(Part, says)
                : Finding.Note(Part, says + "; neither bubblewrap nor Landlock shuts it in", "Install bubblewrap, as above.");
        }
        cancel.ThrowIfCancellationRequested();
        // One that ended is told of at once; one that took the time is ended by us, without a word.
        var words = limit.IsCancellationRequested ? $"It took more than {Patience.TotalSeconds:0} s."
            : decoder.Trouble is null ? "It answered without a picture."
            : await ended.Task.WaitAsync(limit.Token).ConfigureAwait(false) is var end ? $"{end.Why} {end.Words}".TrimEnd() : "";
        return Finding.Wrong(Part, $"isolate_decoders: the decode process gave no picture. {words}", Mend);
    }
}
