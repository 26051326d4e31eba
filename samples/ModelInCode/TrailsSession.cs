using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Samples.ModelInCode;

/// <summary>The memory of one stream: the trails so far. Used by one thread at a time.</summary>
internal sealed class TrailsSession(TrailsModel model, int width, int height) : IModelSession
{
    private readonly FramePool _pool = new("trails");
    private readonly byte[] _light = new byte[width * height];
    private FrameScaler? _scaler;

    public int Width => width;

    public int Height => height;

    public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        var output = _pool.Rent(width, height);
        Scale(input, output);
        var kept = prompt.Reading.Style is [var style] ? style * prompt.Strength : 0;
        for (var y = 0; y < height; y++)
        {
            var luma = output.Y.Slice(y * output.StrideY, width);
            var light = _light.AsSpan(y * width, width);
            for (var x = 0; x < width; x++)
                luma[x] = light[x] = (byte)Math.Max(luma[x], light[x] * kept);
        }
        // The ticket says which input the picture shows and which prompt made it.
        made[0] = MadeFrame.Of(input, output, prompt.Revision);
        return 1;
    }

    public void Reset() => Array.Clear(_light);

    public ModelState Capture() => new(model.Info.Id, model.Info.Version, width, height, (byte[])_light.Clone());

    public void Restore(ModelState state)
    {
        if ((state.ModelId, state.ModelVersion, state.Width, state.Height) != (model.Info.Id, model.Info.Version, width, height))
            throw new ArgumentException("The copy belongs to another model, version or size.", nameof(state));
        state.Bytes.Span.CopyTo(_light);
    }

    public void Dispose()
    {
    }

    private void Scale(VideoFrame input, VideoFrame output)
    {
        if (_scaler is null || (_scaler.FromWidth, _scaler.FromHeight) != (input.Width, input.Height))
            _scaler = new FrameScaler(input.Width, input.Height, width, height);
        _scaler.Scale(input, output);
    }
}
