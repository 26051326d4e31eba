using System.Security.Cryptography;
using System.Text;

namespace TrueLive.Probe.Stimuli;

/// <summary>
/// The secret of a run: 32 bytes from which every code, carrier and event time follows. Published only as a commitment
/// before the run, revealed in the report, so that a third party can recompute the codes.
/// </summary>
public sealed class ProbeSeed
{
    private readonly byte[] _key;

    private ProbeSeed(byte[] key) => _key = key;

    /// <summary>The seed as 64 hexadecimal digits.</summary>
    public string Hex => Convert.ToHexStringLower(_key);

    /// <summary>A new seed from the operating system's generator.</summary>
    public static ProbeSeed Create() => new(RandomNumberGenerator.GetBytes(32));

    /// <summary>A seed from 64 hexadecimal digits; any other text is hashed (SHA-256), which serves repeatable tests.</summary>
    public static ProbeSeed From(string text) =>
        text.Length == 64 && text.All(char.IsAsciiHexDigit)
            ? new(Convert.FromHexString(text))
            : new(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>SHA-256 of the seed followed by the run's configuration, as <c>sha256:hex</c>.</summary>
    public string Commit(string configuration) =>
        "sha256:" + Convert.ToHexStringLower(SHA256.HashData([.. _key, .. Encoding.UTF8.GetBytes(configuration)]));

    /// <summary>An independent stream of random numbers for one purpose; the same label gives the same numbers.</summary>
    public SeedStream Stream(string label) => new(_key, label);
}

/// <summary>Random numbers as HMAC-SHA256(seed, label || counter): the next one cannot be predicted from those before it.</summary>
public sealed class SeedStream
{
    private readonly byte[] _key;
    private readonly byte[] _message;
    private readonly byte[] _block = new byte[32];
    private long _counter;
    private int _bit = 256;

    internal SeedStream(byte[] key, string label)
    {
        _key = key;
        _message = new byte[Encoding.UTF8.GetByteCount(label) + 8];
        Encoding.UTF8.GetBytes(label, _message);
    }

    /// <summary>One fair bit.</summary>
    public bool NextBit()
    {
        if (_bit >= 256)
            Refill();
        var bit = (_block[_bit >> 3] >> (_bit & 7)) & 1;
        _bit++;
        return bit != 0;
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble()
    {
        _bit = (_bit + 31) & ~31;
        if (_bit >= 256)
            Refill();
        var value = BitConverter.ToUInt32(_block, _bit >> 3);
        _bit += 32;
        return value / 4294967296.0;
    }

    /// <summary>Uniform in [low, high).</summary>
    public double NextDouble(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>Uniform in 0..count-1.</summary>
    public int NextInt(int count) => (int)(NextDouble() * count);

    /// <summary>Standard normal (sum of twelve uniforms: tails end at 6).</summary>
    public double NextNormal()
    {
        var sum = -6.0;
        for (var k = 0; k < 12; k++)
            sum += NextDouble();
        return sum;
    }

    private void Refill()
    {
        BitConverter.TryWriteBytes(_message.AsSpan(_message.Length - 8), _counter++);
        HMACSHA256.HashData(_key, _message, _block);
        _bit = 0;
    }
}
