using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>The tensor of a reference picture: scaled to the input's size whenever another is set, grey if none is.</summary>
internal sealed class ReferenceInput(PictureInput spec, TensorBuffer tensor)
{
    private readonly PictureTensor _picture = new(spec, tensor, spec.Width, spec.Height, 3);
    private readonly FramePool _pool = new("reference picture", 2);
    private string? _shown;

    public string Name => spec.Name;

    public TensorBuffer Tensor => tensor;

    public void Show(ReferencePicture? picture)
    {
        if (_shown == (picture?.Id ?? ""))
            return;
        using var fitted = _pool.Rent(spec.Width, spec.Height);
        fitted.Colour = ColourSpace.Bt709Limited;
        if (picture is null)
        {
            fitted.Y.Fill(126);
            fitted.U.Fill(128);
            fitted.V.Fill(128);
        }
        else
        {
            using var whole = picture.Rent(_pool);
            new FrameScaler(whole.Width, whole.Height, spec.Width, spec.Height).Scale(whole, fitted);
        }
        _picture.Load(fitted);
        _shown = picture?.Id ?? "";
    }
}
