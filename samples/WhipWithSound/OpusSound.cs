using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TrueLive.WebRtc;

namespace TrueLive.Samples.WhipWithSound;

/// <summary>
/// Sound from ffmpeg, which reads any file and encodes it as Opus. It sends RTP to a port of this machine; payload and timestamp are passed
/// on to the call.
/// </summary>
internal static class OpusSound
{
    private const int RtpHeader = 12;

    public static async Task SendAsync(RtcPeer peer, string? file, CancellationToken cancel)
    {
        using var port = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        string[] input = file is null ? ["-f", "lavfi", "-i", "sine=frequency=440"] : ["-i", file];
        string[] output = ["-vn", "-ac", "2", "-ar", "48000", "-c:a", "libopus", "-b:a", "64k", "-f", "rtp",
            $"rtp://{port.Client.LocalEndPoint}"];
        using var ffmpeg = Process.Start(new ProcessStartInfo("ffmpeg", ["-nostdin", "-loglevel", "error", "-re", .. input, .. output])
        {
            // ffmpeg prints an SDP of the stream, which must not appear on the console.
            RedirectStandardOutput = true,
        })!;
        try
        {
            while (true)
            {
                var packet = (await port.ReceiveAsync(cancel)).Buffer;
                if (packet.Length > RtpHeader)
                    peer.SendAudio(packet.AsSpan(RtpHeader), rtpTime: BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4)));
            }
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            ffmpeg.Kill();
        }
    }
}
