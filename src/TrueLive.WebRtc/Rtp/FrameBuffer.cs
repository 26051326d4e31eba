using System.Buffers;

namespace TrueLive.WebRtc.Rtp;

/// <summary>Pooled bytes of the frame that is put together; grows up to <see cref="Limit"/>.</summary>
internal sealed class FrameBuffer : IDisposable
{
    /// <summary>Largest frame taken, in bytes.</summary>
    internal const int Limit = 4 * 1024 * 1024;
    private byte[] _bytes = [];
    private int _length;

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, _length);

    public int Length => _length;

    public void Clear() => _length = 0;

    /// <summary>False when the frame would go beyond the limit.</summary>
    public bool Append(ReadOnlySpan<byte> data)
    {
        if (!Reserve(data.Length))
            return false;

        data.CopyTo(_bytes.AsSpan(_length));
        _length += data.Length;
        return true;
    }

    /// <summary>Inserts data before the present content. Moves it, which is rare.</summary>
    public bool Prepend(ReadOnlySpan<byte> data)
    {
        if (!Reserve(data.Length))
            return false;

        _bytes.AsSpan(0, _length).CopyTo(_bytes.AsSpan(data.Length));
        data.CopyTo(_bytes);
        _length += data.Length;
        return true;
    }

    /// <summary>Gives the bytes away; they go back to the pool from there.</summary>
    public byte[] Detach()
    {
        var bytes = _bytes;
        _bytes = [];
        return bytes;
    }

    public void Dispose()
    {
        if (_bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);

        _bytes = [];
        _length = 0;
    }

    private bool Reserve(int more)
    {
        var needed = _length + more;
        if (needed > Limit)
            return false;

        if (needed > _bytes.Length)
        {
            var wider = ArrayPool<byte>.Shared.Rent(Math.Max(64 * 1024, 2 * needed));
            _bytes.AsSpan(0, _length).CopyTo(wider);
            if (_bytes.Length > 0)
                ArrayPool<byte>.Shared.Return(_bytes);

            _bytes = wider;
        }

        return true;
    }
}
