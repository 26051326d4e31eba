using System.Runtime.CompilerServices;

namespace TrueLive.Models.Convolutions;

/// <summary>The output of a layer, with scale, shift, residual and rectifier applied to the sums in one pass.</summary>
internal sealed unsafe class LayerOutput
{
    private readonly ConvLayer _layer;
    private readonly AlignedFloats _scale;
    private readonly AlignedFloats _shift;
    private readonly Activation? _residual;
    private readonly int _screenWidth;
    private readonly int _screenHeight;

    /// <param name="layer">The layer, which says what is applied.</param>
    /// <param name="to">Destination.</param>
    /// <param name="residual">The activation that is added; null for none.</param>
    /// <param name="screenHeight">Height of the screen, a power of two.</param>
    /// <param name="screenWidth">Width of the screen, a power of two.</param>
    public LayerOutput(ConvLayer layer, Activation to, Activation? residual, int screenHeight, int screenWidth)
    {
        (_layer, To, _residual) = (layer, to, residual);
        (_screenHeight, _screenWidth) = layer.Screened ? (screenHeight, screenWidth) : (1, 1);
        _scale = new AlignedFloats(layer.Out);
        _shift = new AlignedFloats(_screenHeight * _screenWidth * layer.Out);
        SetStyle(null, null);
    }

    public Activation To { get; }

    /// <summary>How many times each pixel of the convolution is written along a row, and along a column.</summary>
    public int Copies => _layer.Doubled ? 2 : 1;

    /// <summary>Sets the style, for the bands computed from then on.</summary>
    /// <param name="scale">A factor for each channel; empty for 1.</param>
    /// <param name="shift">An addend for each channel, or for a screened layer the screen: channels x height x width; empty for 0.</param>
    public void SetStyle(ReadOnlySpan<float> scale, ReadOnlySpan<float> shift)
    {
        int channels = _layer.Out, screen = _screenHeight * _screenWidth;
        for (var c = 0; c < channels; c++)
        {
            var factor = _scale.Start[c] = scale.IsEmpty ? 1 : scale[c];
            for (var at = 0; at < screen; at++)
                _shift.Start[at * channels + c] = _layer.Bias[c] * factor + (shift.IsEmpty ? 0 : shift[c * screen + at]);
        }
    }

    /// <summary>Some channels of a row of the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public OutputRow<T> Row<T>(nint y, nint channel) where T : unmanaged, ILanes<T>
    {
        var at = y * To.Row + channel;
        return new OutputRow<T>(To.Start + at, _residual is null ? null : _residual.Start + at,
            _shift.Start + (y & (_screenHeight - 1)) * _screenWidth * To.Channels + channel,
            T.Load(_scale.Start + channel), T.All(_layer.Relu ? 0 : float.NegativeInfinity), To.Channels, _screenWidth - 1);
    }
}

/// <summary>The destination of some channels of a row, and the operations on them.</summary>
internal readonly unsafe ref struct OutputRow<T>(float* to, float* residual, float* shift, T scale, T least, nint channels, nint screen)
    where T : unmanaged, ILanes<T>
{
    private readonly float* _to = to;
    private readonly float* _residual = residual;
    private readonly float* _shift = shift;
    private readonly T _scale = scale;
    private readonly T _least = least;
    private readonly nint _channels = channels;
    private readonly nint _screen = screen;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Put(T sum, nint x)
    {
        sum = T.MultiplyAdd(sum, _scale, T.Load(_shift + (x & _screen) * _channels));
        if (_residual is not null)
            sum += T.Load(_residual + x * _channels);
        T.Max(sum, _least).Store(_to + x * _channels);
    }
}
