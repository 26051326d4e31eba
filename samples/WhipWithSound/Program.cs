using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Samples.WhipWithSound;

/// <summary>
/// How do I send pictures and sound to a WHIP endpoint, and receive both back? Sends a generated scene and the sound of any file, and
/// prints once a second what came back.
/// </summary>
public static class Program
{
    private const int Rate = 30;

    /// <summary>Arguments: the WHIP endpoint, and a file with sound; without one, a tone.</summary>
    public static async Task<int> Main(string[] args)
    {
        if (args is not [var url, .. var rest])
        {
            await Console.Error.WriteLineAsync("Usage: WhipWithSound http://127.0.0.1:8080/whip [SOUND_FILE]");
            return 2;
        }
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            stop.Cancel();
        };
        try
        {
            await CallAsync(new Uri(url), rest.FirstOrDefault(), Console.WriteLine, stop.Token);
            return 0;
        }
        catch (WhipException refused)
        {
            await Console.Error.WriteLineAsync(refused.Message);
            return 1;
        }
    }

    /// <summary>Sends and receives until cancelled or until the server ends the call.</summary>
    /// <exception cref="WhipException">The server cannot be reached or refuses; the message is meant for the user.</exception>
    public static async Task CallAsync(Uri url, string? soundFile, Action<string> say, CancellationToken cancel)
    {
        var time = TimeProvider.System;
        var wantsKeyFrame = 1;
        using var received = new Received();
        var key = Environment.GetEnvironmentVariable("TRUELIVE_KEY");
        await using var client = await WhipClient.ConnectAsync(url, key, new MediaPreferences { DataChannels = false }, new PeerHandlers
        {
            VideoReceived = received.Video,
            AudioReceived = received.Sound,
            KeyFrameRequested = () => Interlocked.Exchange(ref wantsKeyFrame, 1),
        }, time, cancel);
        var peer = client.Peer;
        say($"Connected, {peer.SendCodec}.");

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var decoding = received.DecodeAsync(peer, stop.Token);
        var sound = OpusSound.SendAsync(peer, soundFile, stop.Token);
        var video = SendVideoAsync(peer, () => Interlocked.Exchange(ref wantsKeyFrame, 0) == 1, time, stop.Token);
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        try
        {
            while (!peer.Closed.IsCompleted && await second.WaitForNextTickAsync(stop.Token))
                say($"{received.Pictures} pictures ({received.Size}) and {received.SoundPackets} packets of sound came back.");
        }
        catch (OperationCanceledException)
        {
            // Leaving the method ends the connection on the server as well.
        }
        await stop.CancelAsync();
        await Task.WhenAll(decoding, sound, video);
    }

    private static async Task SendVideoAsync(RtcPeer peer, Func<bool> takeKeyFrameWish, TimeProvider time, CancellationToken cancel)
    {
        var scene = new MovingScene(640, 360, Rate, new FramePool("made scene"));
        using var encoder = new VideoEncoder(peer.SendCodec!.Value, peer.TargetBitrate, Rate);
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / Rate), time);
        try
        {
            while (await pace.WaitForNextTickAsync(cancel))
            {
                using var frame = (await scene.ReadAsync(cancel))!;
                if (!peer.CanSendVideo)
                    continue;
                encoder.SetBitrate(peer.TargetBitrate);
                if (encoder.TryEncode(frame, takeKeyFrameWish(), frame.Ticket.MediaTime, out var encoded))
                    peer.SendVideo(encoded);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
