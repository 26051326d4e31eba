namespace TrueLive.Server.Recordings;

/// <summary>
/// A file that another still writes, read as far as it went when it was opened: an answer's length is said before its bytes.
/// </summary>
internal sealed class GrowingFile : FileStream
{
    private readonly long _length;

    /// <exception cref="IOException">It cannot be opened.</exception>
    public GrowingFile(string path)
        : base(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 64 * 1024, useAsync: true) =>
        _length = base.Length;

    public override long Length => _length;

    public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Within(count));

    public override int Read(Span<byte> buffer) => base.Read(buffer[..Within(buffer.Length)]);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        base.ReadAsync(buffer, offset, Within(count), cancellationToken);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        base.ReadAsync(buffer[..Within(buffer.Length)], cancellationToken);

    private int Within(int count) => (int)Math.Clamp(_length - Position, 0, count);
}
