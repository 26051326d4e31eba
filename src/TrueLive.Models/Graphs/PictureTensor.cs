using TrueLive.Core.Frames;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Graphs;

/// <summary>
/// Moves pictures between frames and a tensor in the model's own layout, type, channel order and range. Planar float tensors are
/// written and read in the colour conversion itself; the others go through three planes of scratch.
/// </summary>
internal sealed class PictureTensor
{
    private readonly PictureSpec _spec;
    private readonly TensorBuffer _tensor;
    private readonly int _pixels;
    private readonly int _channels;
    private readonly TensorScale _scale;
    private readonly float[] _planes;
    private readonly float[] _packed;
    private readonly bool _direct;

    public PictureTensor(PictureSpec spec, TensorBuffer tensor, int width, int height, int channels)
    {
        (_spec, _tensor, _pixels, _channels) = (spec, tensor, width * height, channels);
        var span = spec.Range[1] - spec.Range[0];
        // Mean and deviation are in the model's channel order; the conversion speaks of red, green and blue.
        int r = spec.Colour == ChannelOrder.Rgb ? 0 : 2, b = 2 - r;
        _scale = new TensorScale(span / spec.Std[r], span / spec.Std[1], span / spec.Std[b],
            (spec.Range[0] - spec.Mean[r]) / spec.Std[r], (spec.Range[0] - spec.Mean[1]) / spec.Std[1],
            (spec.Range[0] - spec.Mean[b]) / spec.Std[b]);
        _direct = spec is { Layout: TensorLayout.Nchw, Type: TensorType.Float32 };
        _planes = _direct ? [] : new float[_pixels * 3];
        _packed = _direct ? [] : new float[_pixels * channels];
        if (channels == 4 && _direct)
            _tensor.Floats.Slice(3 * _pixels, _pixels).Fill(1);
    }

    public void Load(VideoFrame frame)
    {
        var planes = _direct ? _tensor.Floats : _planes;
        var (r, b) = Order();
        ColourConversion.ToPlanarRgb(frame, planes.Slice(r * _pixels, _pixels), planes.Slice(_pixels, _pixels),
            planes.Slice(b * _pixels, _pixels), _scale);
        if (_direct)
            return;
        if (_spec.Layout == TensorLayout.Nchw)
        {
            planes[..(3 * _pixels)].CopyTo(_packed);
            if (_channels == 4)
                _packed.AsSpan(3 * _pixels).Fill(1);
        }
        else
        {
            for (var i = 0; i < _pixels; i++)
            {
                var at = i * _channels;
                (_packed[at], _packed[at + 1], _packed[at + 2]) = (planes[i], planes[_pixels + i], planes[2 * _pixels + i]);
                if (_channels == 4)
                    _packed[at + 3] = 1;
            }
        }
        _tensor.Write(_packed);
    }

    public void Store(VideoFrame frame)
    {
        Span<float> planes = _direct ? _tensor.Floats : _planes;
        if (!_direct)
        {
            _tensor.Read(_packed);
            if (_spec.Layout == TensorLayout.Nchw)
            {
                _packed.AsSpan(0, 3 * _pixels).CopyTo(planes);
            }
            else
            {
                for (var i = 0; i < _pixels; i++)
                    (planes[i], planes[_pixels + i], planes[2 * _pixels + i]) = (_packed[i * _channels], _packed[i * _channels + 1],
                        _packed[i * _channels + 2]);
            }
        }
        var (r, b) = Order();
        ColourConversion.FromPlanarRgb(planes.Slice(r * _pixels, _pixels), planes.Slice(_pixels, _pixels),
            planes.Slice(b * _pixels, _pixels), frame, _scale);
    }

    private (int Red, int Blue) Order() => _spec.Colour == ChannelOrder.Rgb ? (0, 2) : (2, 0);
}
