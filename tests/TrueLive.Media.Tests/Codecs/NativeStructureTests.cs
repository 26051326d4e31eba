using System.Runtime.InteropServices;
using TrueLive.Media.Native;

namespace TrueLive.Media.Tests.Codecs;

/// <summary>The structures of the codec libraries have the sizes and field offsets of the C headers.</summary>
public sealed unsafe class NativeStructureTests
{
    [Fact]
    public void Structures_have_the_sizes_of_the_headers()
    {
        Assert.Equal(924, sizeof(OpenH264.Parameters));
        Assert.Equal(200, sizeof(OpenH264.Layer));
        Assert.Equal(80, sizeof(OpenH264.Picture));
        Assert.Equal(40, sizeof(OpenH264.LayerInfo));
        Assert.Equal(1024, sizeof(Vpx.Config));
        Assert.Equal(256, sizeof(Vpx.Context));
        Assert.Equal(256, sizeof(Vpx.Image));
        Assert.Equal(48, sizeof(Vpx.Packet));
        Assert.Equal(144, sizeof(Av.Frame));
        Assert.Equal(40, sizeof(Av.Packet));
    }

    [Fact]
    public void What_the_compiler_lays_out_stands_where_the_headers_have_it()
    {
        Assert.Equal([104, 108, 116, 136], Offsets<Av.Frame>(nameof(Av.Frame.Width), nameof(Av.Frame.Height), nameof(Av.Frame.Format),
            nameof(Av.Frame.Stamp)));
        Assert.Equal([8, 24, 32], Offsets<Av.Packet>(nameof(Av.Packet.Stamp), nameof(Av.Packet.Data), nameof(Av.Packet.Size)));
        var frame = new Av.Frame();
        ((byte*)&frame)[8] = 7;
        ((int*)&frame)[16 + 2] = 9;
        Assert.Equal((7, 9), ((int)frame.Plane(1), frame.Stride(2)));
    }

    private static int[] Offsets<T>(params string[] fields) => [.. fields.Select(f => (int)Marshal.OffsetOf<T>(f))];
}
