using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Tests.Palettes;

/// <summary>Pictures of random colours around a mean, and reference pictures of them.</summary>
internal static class Scene
{
    public const int Width = 96;
    public const int Height = 64;

    /// <summary>A picture whose planes have a mean and a spread; neighbours are alike, as in footage.</summary>
    public static VideoFrame Make(
        FramePool pool, int t, (int Y, int U, int V) mean, int spread, ColourSpace? colour = null, int seed = 1)
    {
        var frame = pool.Rent(Width, Height);
        frame.Colour = colour ?? ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)(t * 3000));
        // What is behind the rows of a frame that was used before.
        frame.Y.Clear();
        frame.U.Clear();
        frame.V.Clear();
        var random = new Random(seed);
        for (var y = 0; y < Height / 2; y++)
        {
            for (var x = 0; x < Width / 2; x++)
            {
                var light = random.Next(-spread, spread + 1);
                frame.U[y * frame.StrideC + x] = (byte)(mean.U + random.Next(-spread, spread + 1) / 2);
                frame.V[y * frame.StrideC + x] = (byte)(mean.V + light / 3);
                foreach (var at in new[] { 0, 1, frame.StrideY, frame.StrideY + 1 })
                    frame.Y[2 * y * frame.StrideY + 2 * x + at] = (byte)(mean.Y + light);
            }
        }
        return frame;
    }

    public static ReferencePicture Picture(FramePool pool, (int Y, int U, int V) mean, int spread, int seed = 9)
    {
        using var frame = Make(pool, 0, mean, spread, seed: seed);
        return ReferencePicture.Of(frame, "test");
    }

    /// <summary>A prompt of a revision with a palette.</summary>
    public static Prompt Prompt(IVideoModel model, long revision, ReferencePicture? picture, double strength = 1, double transition = 0)
    {
        List<KeyValuePair<string, string>> given =
            [new(Palette.StrengthId, FormattableString.Invariant($"{strength}")), new(Palette.PictureId, picture?.Id ?? "")];
        return new(revision, "", 1, TimeSpan.FromSeconds(transition), PromptReading.Empty)
        {
            Values = ParameterValues.Of(model.Info.Parameters, given, picture is null ? [] : [picture]),
        };
    }

    /// <summary>All bytes of a frame, with what happens to be behind its rows.</summary>
    public static byte[] Bytes(VideoFrame frame) => [.. frame.Y, .. frame.U, .. frame.V];

    /// <summary>The samples of a frame.</summary>
    public static byte[] Samples(VideoFrame frame)
    {
        var samples = new List<byte>();
        for (var y = 0; y < frame.Height; y++)
            samples.AddRange(frame.Y.Slice(y * frame.StrideY, frame.Width));
        for (var y = 0; y < frame.ChromaHeight; y++)
        {
            samples.AddRange(frame.U.Slice(y * frame.StrideC, frame.ChromaWidth));
            samples.AddRange(frame.V.Slice(y * frame.StrideC, frame.ChromaWidth));
        }
        return [.. samples];
    }
}
