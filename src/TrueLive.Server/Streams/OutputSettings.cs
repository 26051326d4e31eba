using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams;

/// <summary>What an output is to be like.</summary>
/// <param name="Address">Where it goes.</param>
/// <param name="Bitrate">Bits per second that it asks the session's encoder for.</param>
/// <param name="Keyframes">Longest time between key frames.</param>
/// <param name="Trusted">It was typed on this machine's command line.</param>
internal sealed record OutputSettings(StreamAddress Address, int Bitrate, TimeSpan Keyframes, bool Trusted)
{
    private const int DefaultKbps = 3000;
    private const double DefaultKeyframes = 2;

    /// <summary>From what somebody asked for; null takes a default.</summary>
    /// <exception cref="RequestRefusedException">422, in words.</exception>
    public static OutputSettings Of(string? target, int? kbps, double? keyframes, ServerOptions options, bool trusted)
    {
        var address = StreamAddress.Parse(target, output: true, out var problem) ?? throw Refuse(problem);
        if (kbps is { } rate && (rate < 100 || rate > options.MaxKbps))
            throw Refuse($"The bitrate of an output is {rate} kbit/s; it must be within 100..{options.MaxKbps} (max_kbps).");
        if (keyframes is not (null or >= 0.5 and <= 10))
            throw Refuse("The time between key frames must be within 0.5..10 s.");
        var bitrate = (kbps ?? Math.Min(DefaultKbps, options.MaxKbps)) * 1000;
        return new OutputSettings(address, bitrate, TimeSpan.FromSeconds(keyframes ?? DefaultKeyframes), trusted);

        static RequestRefusedException Refuse(string words) => new(StatusCodes.Status422UnprocessableEntity, words);
    }
}
