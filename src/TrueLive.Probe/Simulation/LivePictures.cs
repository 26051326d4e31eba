using System.Numerics.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Simulation;

/// <summary>Turns what a misbehaving server shows into pictures, with a look and with footage of its own.</summary>
internal sealed class LivePictures
{
    private readonly Look _look;
    private readonly StimulusPlan _footage;
    private readonly StimulusRenderer _renderer;
    private readonly Picture _picture = Picture.ForAnalysis();

    public LivePictures()
    {
        var seed = ProbeSeed.From("simulator footage");
        _look = Look.ByName["relief"](seed.Stream("look"));
        _footage = new StimulusPlan(seed);
        _footage.Append(PhaseKind.Warmup, 600);
        _renderer = new StimulusRenderer(seed, Picture.AnalysisWidth, Picture.AnalysisHeight, 1);
    }

    /// <summary>A received frame as the simulators work on it.</summary>
    public static Picture Read(VideoFrame frame)
    {
        var picture = Picture.ForAnalysis();
        PictureFrames.Read(frame, picture);
        // Frames are limited range; looks expect 0..255, as in virtual time.
        for (var k = 0; k < picture.Y.Length; k++)
            picture.Y[k] = Math.Clamp((picture.Y[k] - 16) * (255f / 219), 0, 255);
        return picture;
    }

    /// <summary>Draws into a frame of the analysis size; null when there is nothing to show.</summary>
    public VideoFrame? Draw(in LiveShown shown, FramePool pool)
    {
        if (!Draw(shown))
            return null;
        var frame = pool.Rent(Picture.AnalysisWidth, Picture.AnalysisHeight);
        PictureFrames.Write(_picture, frame);
        return frame;
    }

    private bool Draw(in LiveShown shown)
    {
        if (shown.Picture is { } received)
            _picture.CopyFrom(received);
        else if (shown.Canned > 0)
            _renderer.Draw(_footage.Frames[shown.Canned % _footage.Frames.Count], shown.Canned, _picture);
        else
            return false;
        if (shown.Under is { } under)
        {
            TensorPrimitives.Lerp(_picture.Y, under.Y, shown.UnderShare, _picture.Y);
            TensorPrimitives.Lerp(_picture.U, under.U, shown.UnderShare, _picture.U);
            TensorPrimitives.Lerp(_picture.V, under.V, shown.UnderShare, _picture.V);
        }
        if (shown.Plain)
        {
            for (var k = 0; k < _picture.Y.Length; k++)
                (_picture.Y[k], _picture.V[k]) = (20 + 0.8f * _picture.Y[k], _picture.V[k] + 12);
            return true;
        }
        if (shown.Roll > 0)
        {
            for (var y = 0; y < _picture.Height; y++)
                _picture.Y.AsSpan(y * _picture.Width, _picture.Width - shown.Roll)
                    .CopyTo(_picture.Y.AsSpan(y * _picture.Width + shown.Roll));
        }
        _look.Apply(_picture, shown.Prompt, shown.Reseed);
        if (shown.Fade > 0)
            TensorPrimitives.Add(_picture.V, shown.Fade, _picture.V);
        return true;
    }
}
