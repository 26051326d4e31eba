using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Server.Tests.Http;

/// <summary>A sender whose pictures cannot be shown: everybody who could fix it is told why, once.</summary>
public sealed class InputProblemTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-input-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("yuv444p", "High 4:4:4 Predictive (4:4:4, 8 bit, 320x180)")]
    [InlineData("yuv420p10le", "High 10 (4:2:0, 10 bit, 320x180)")]
    [InlineData("yuv422p", "High 4:2:2 (4:2:2, 8 bit, 320x180)")]
    [Trait("Run", "long")]
    public async Task The_session_its_client_and_its_viewers_are_told_what_to_send_instead(string pixels, string words)
    {
        var (wrong, right) = (await StreamAsync(pixels), await StreamAsync("yuv420p"));
        await using var server = await RunningServer.StartAsync();
        var messages = new List<JsonNode>();
        await using var client = await WhipClient.ConnectAsync(
            new Uri(server.Address, "/whip"), null, new MediaPreferences
            { Codecs = [VideoCodec.H264], SendVideo = true, ReceiveVideo = false },
            new PeerHandlers(), TimeProvider.System, Cancel);
        client.Peer.OpenChannel("control", (_, data, _) =>
        {
            lock (messages)
                messages.Add(JsonNode.Parse(Encoding.UTF8.GetString(data))!);
        });

        var sent = 0;
        await SendUntilAsync(wrong, () => Told().Length > 0);
        // A few key frames may be requested before the first one arrives, but not five a second for ever.
        var (asked, until) = (client.Peer.Stats.KeyFrameRequestsReceived, sent + 90);
        await SendUntilAsync(wrong, () => sent >= until);
        Assert.InRange(client.Peer.Stats.KeyFrameRequestsReceived, asked, asked + 2);
        var told = Assert.Single(Told());
        Assert.Contains(words, (string?)told["problem"], StringComparison.Ordinal);
        Assert.Contains("Color Format NV12 or I420", (string?)told["problem"], StringComparison.Ordinal);
        var id = client.Resource!.AbsolutePath.Split('/')[2];
        foreach (var view in new[] { $"/v1/sessions/{id}", $"/whep/{id}" })
            Assert.Equal((string?)told["problem"], (string?)(await server.Http.GetFromJsonAsync<JsonNode>(view, Cancel))!["input_problem"]);

        await SendUntilAsync(right, () => Told().Length > 1);
        Assert.Null(Told()[1]["problem"]);
        Assert.Null((await server.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel))!["input_problem"]);

        JsonNode[] Told()
        {
            lock (messages)
                return [.. messages.Where(m => (string?)m["type"] == "input")];
        }

        async Task SendUntilAsync(List<byte[]> units, Func<bool> enough)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            limit.CancelAfter(TimeSpan.FromMinutes(5));
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(33));
            for (var i = 0; !enough(); i++, sent++)
            {
                await pace.WaitForNextTickAsync(limit.Token);
                client.Peer.SendVideo(new EncodedFrame
                {
                    Codec = VideoCodec.H264,
                    Data = units[i % units.Count],
                    RtpTime = (uint)(sent * 3000),
                    KeyFrame = i % units.Count == 0,
                });
            }
        }
    }

    public void Dispose() => Directory.Delete(_folder, true);

    /// <summary>Access units of a second of video, a key frame first.</summary>
    private async Task<List<byte[]>> StreamAsync(string pixels)
    {
        var path = Path.Combine(_folder, pixels + ".h264");
        using var ffmpeg = Process.Start("ffmpeg", ["-loglevel", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30",
            "-frames:v", "30", "-pix_fmt", pixels,
            "-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-bf", "0", "-x264-params",
            "keyint=30:scenecut=0:slices=1:sliced-threads=0:aud=1", path]);
        await ffmpeg.WaitForExitAsync(Cancel);
        var (bytes, units) = (await File.ReadAllBytesAsync(path, Cancel), new List<byte[]>());
        byte[] delimiter = [0, 0, 0, 1, 9];
        for (int at = 0, next; at < bytes.Length; at = next)
        {
            var further = bytes.AsSpan(at + 1).IndexOf(delimiter);
            units.Add(bytes[at..(next = further < 0 ? bytes.Length : at + 1 + further)]);
        }
        return units;
    }
}
