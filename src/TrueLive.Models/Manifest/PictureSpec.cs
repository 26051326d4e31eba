namespace TrueLive.Models.Manifest;

/// <summary>How elements lie in a picture tensor.</summary>
public enum TensorLayout
{
    /// <summary>Channels first: planes.</summary>
    Nchw,

    /// <summary>Channels last: pixels.</summary>
    Nhwc,
}

/// <summary>Element type of a picture tensor.</summary>
public enum TensorType
{
    /// <summary>32-bit float.</summary>
    Float32,

    /// <summary>16-bit float.</summary>
    Float16,

    /// <summary>8-bit unsigned.</summary>
    Uint8,

    /// <summary>8-bit signed.</summary>
    Int8,

    /// <summary>32-bit whole numbers.</summary>
    Int32,
}

/// <summary>Order of the colour channels.</summary>
public enum ChannelOrder
{
    /// <summary>Red first.</summary>
    Rgb,

    /// <summary>Blue first.</summary>
    Bgr,
}

/// <summary>What the result of a model is.</summary>
public enum OutputRole
{
    /// <summary>The picture to show.</summary>
    Image,

    /// <summary>One channel, 0..1: where the input is kept; the rest is blurred.</summary>
    Mask,

    /// <summary>Numbers that are no picture; the input is passed on unchanged.</summary>
    Data,
}

/// <summary>How a picture tensor is to be read; see models/README.md.</summary>
// Setters, not initialisers: generated JSON readers overwrite the defaults of init-only properties that the file leaves out.
public record PictureSpec
{
    private protected PictureSpec? Fallback { get; set; }

    private TensorLayout? _layout;
    private TensorType? _type;
    private ChannelOrder? _colour;
    private float[]? _range;

    /// <summary>Order of the dimensions.</summary>
    public TensorLayout Layout { get => _layout ?? Fallback?.Layout ?? TensorLayout.Nchw; set => _layout = value; }

    /// <summary>Element type.</summary>
    public TensorType Type { get => _type ?? Fallback?.Type ?? TensorType.Float32; set => _type = value; }

    /// <summary>Channel order.</summary>
    public ChannelOrder Colour { get => _colour ?? Fallback?.Colour ?? ChannelOrder.Rgb; set => _colour = value; }

    /// <summary>Values of black and white before mean and deviation.</summary>
    public float[] Range
    {
        get => _range ?? (Type == Fallback?.Type
    ? Fallback.Range
    : Type switch { TensorType.Uint8 or TensorType.Int32 => [0, 255], TensorType.Int8 => [-128, 127], _ => [0, 1] }); set =>
    _range = value;
    }

    /// <summary>Subtracted per channel, in the model's channel order.</summary>
    public float[] Mean { get; set; } = [0, 0, 0];

    /// <summary>Divided by per channel.</summary>
    public float[] Std { get; set; } = [1, 1, 1];
}

/// <summary>The picture input.</summary>
public sealed record FrameSpec : PictureSpec
{
    /// <summary>Name in the ONNX graph.</summary>
    public string Input { get; set; } = "";

    /// <summary>3, or 4 for a fourth channel of ones.</summary>
    public int Channels { get; set; } = 3;
}

/// <summary>The result. A picture is like the frame where nothing else is said; mean and deviation are not taken over.</summary>
public sealed record OutputSpec : PictureSpec
{
    /// <summary>Name in the ONNX graph.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it is.</summary>
    public OutputRole Role { get; set; }

    /// <summary>Which channel of a mask is the one to keep.</summary>
    public int Channel { get; set; }

    // A mask is laid out like the frame, but its numbers are shares, whatever range the picture has.
    internal void TakeOver(FrameSpec frame) => Fallback = Role == OutputRole.Image ? frame : new PictureSpec { Layout = frame.Layout };
}
