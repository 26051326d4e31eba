using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using TrueLive.Core.Models;

namespace TrueLive.Models.Prompts;

/// <summary>
/// The style vector in force: moves from the last prompt's vector to the new one over the prompt's transition time, on the source's
/// timeline, with a smooth start and end. Strength blends between the identity vector and the look.
/// </summary>
/// <param name="identity">The vector that changes nothing.</param>
/// <param name="wanted">The vector that a reading asks for; the identity where its length differs.</param>
internal sealed class StyleTransition(float[] identity, Func<PromptReading, ImmutableArray<float>> wanted)
{
    private readonly float[] _from = new float[identity.Length];
    private readonly float[] _to = new float[identity.Length];
    private readonly float[] _now = new float[identity.Length];
    private readonly float[] _target = new float[identity.Length];
    private Prompt? _prompt;
    private bool _begun;
    private long _began;
    private long _length;

    /// <summary>Length of the times at the end of a snapshot; before them are three vectors.</summary>
    public const int TimesLength = 3 * sizeof(long);

    public int SnapshotLength => (3 * identity.Length * sizeof(float)) + TimesLength;

    public ReadOnlySpan<float> At(Prompt prompt, TimeSpan captured)
    {
        if (!ReferenceEquals(prompt, _prompt))
        {
            _prompt = prompt;
            Aim(prompt);
            if (!_begun || !_target.AsSpan().SequenceEqual(_to))
            {
                (_begun ? _now : _target).CopyTo(_from, 0);
                _target.CopyTo(_to, 0);
                _began = captured.Ticks;
                _length = _begun ? prompt.Transition.Ticks : 0;
                _begun = true;
            }
        }
        var t = _length <= 0 ? 1 : Math.Clamp((float)(captured.Ticks - _began) / _length, 0, 1);
        TensorPrimitives.Lerp(_from, _to, t * t * (3 - 2 * t), _now);
        return _now;
    }

    public void Reset()
    {
        _begun = false;
        _prompt = null;
    }

    /// <summary>Whether a picture was made since the last reset.</summary>
    public bool HasBegun => _begun;

    /// <summary>Whether the vector is zero and stays so until the next prompt.</summary>
    public bool IsZero => !_now.AsSpan().ContainsAnyExcept(0f) && !_to.AsSpan().ContainsAnyExcept(0f);

    /// <summary>The state in which the vector is zero and stays so.</summary>
    public void Rest(bool begun)
    {
        Array.Clear(_from);
        Array.Clear(_to);
        Array.Clear(_now);
        (_prompt, _begun, _began, _length) = (null, begun, 0, 0);
    }

    public byte[] Snapshot()
    {
        var bytes = new byte[SnapshotLength];
        var at = 0;
        foreach (var vector in new[] { _from, _to, _now })
        {
            MemoryMarshal.AsBytes(vector.AsSpan()).CopyTo(bytes.AsSpan(at));
            at += vector.Length * sizeof(float);
        }
        var longs = MemoryMarshal.Cast<byte, long>(bytes.AsSpan(at));
        (longs[0], longs[1], longs[2]) = (_began, _length, _begun ? 1 : 0);
        return bytes;
    }

    public void Restore(ReadOnlySpan<byte> bytes)
    {
        foreach (var vector in new[] { _from, _to, _now })
        {
            MemoryMarshal.Cast<byte, float>(bytes)[..vector.Length].CopyTo(vector);
            bytes = bytes[(vector.Length * sizeof(float))..];
        }
        var longs = MemoryMarshal.Cast<byte, long>(bytes);
        (_began, _length, _begun) = (longs[0], longs[1], longs[2] != 0);
        _prompt = null;
    }

    private void Aim(Prompt prompt)
    {
        var style = wanted(prompt.Reading);
        if (style.Length != identity.Length)
            identity.CopyTo(_target, 0);
        else
            TensorPrimitives.Lerp(identity, style.AsSpan(), Math.Clamp(prompt.Strength, 0, 1), _target);
    }
}
