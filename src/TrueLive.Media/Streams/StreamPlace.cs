using System.Net;

namespace TrueLive.Media.Streams;

/// <summary>
/// Where a stream's leg may go: what was checked is what a child is given, so that a name that changes its mind reaches nothing.
/// </summary>
/// <param name="Address">As it was asked for.</param>
/// <param name="At">For an address in a network: where to connect to or to listen.</param>
/// <param name="File">For a file or device: its full path.</param>
internal sealed record StreamPlace(StreamAddress Address, IPAddress? At, string? File)
{
    /// <summary>The address with a number in place of the name, so that a child needs no name server.</summary>
    public string Url => $"{Address.Scheme}://{Address.User}{new IPEndPoint(At!, Address.Port)}{Address.Path}";
}
