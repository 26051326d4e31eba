using System.Text.Json;

namespace TrueLive.EndToEnd.Tests;

/// <summary>Tier 2 over a data channel of a live connection, in a browser without the product's page.</summary>
[Collection(nameof(Browser))]
public sealed class InteractiveChannelTests(Browser browser, Studio studio)
{
    [Fact]
    [Trait("Run", "full")]
    public async Task A_tweak_over_the_data_channel_of_a_live_session_gives_every_picture()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        // The session of an earlier page may take the cores that the clip needs.
        await page.UntilAsync("fetch('/v1/sessions').then((r) => r.json()).then((r) => r.sessions.length === 0)");
        var seen = await page.EvalAsync<JsonElement>(
            """
            (async () => {
              const done = async (response) => { if (!response.ok) throw new Error(`${response.status} ${await response.text()}`); return response; };
              const json = async (address, body) => (await done(await fetch(address, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }))).json();
              const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 192 });
              const pen = canvas.getContext('2d');
              const paint = setInterval(() => { pen.fillStyle = `hsl(${performance.now() / 20} 80% 50%)`; pen.fillRect(0, 0, 320, 192); }, 33);
              const still = await (await done(await fetch('/v1/uploads', { method: 'POST', body: await new Promise((made) => canvas.toBlob(made)), headers: { 'X-File-Name': 'still.png' } }))).json();
              const clip = await json('/v1/interactive', { upload: still.id, still_s: 0.5, size: '256x152' });

              const peer = new RTCPeerConnection();
              const control = peer.createDataChannel('control');
              const session = new Promise((open) => (control.onmessage = ({ data }) => JSON.parse(data).type === 'session' && open()));
              peer.addTransceiver(canvas.captureStream().getVideoTracks()[0], { direction: 'sendrecv' });
              await peer.setLocalDescription();
              const answer = await done(await fetch('/whip?model=passthrough', { method: 'POST', body: peer.localDescription.sdp, headers: { 'Content-Type': 'application/sdp' } }));
              await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
              await session;
              // A small machine gives the cores to the live session: it pauses while the clip is tweaked.
              control.send(JSON.stringify({ type: 'pause', id: 'p' }));

              const talk = async (address, tweak) => {
                const channel = peer.createDataChannel('interactive', { protocol: address });
                channel.binaryType = 'arraybuffer';
                const seen = { messages: [], passes: [0, 0, 0], jpegs: 0, full: null };
                await new Promise((done) => {
                  channel.onclose = done;
                  channel.onopen = () => tweak && channel.send(JSON.stringify(tweak));
                  channel.onmessage = ({ data }) => {
                    if (typeof data !== 'string') {
                      const view = new DataView(data);
                      seen.passes[view.getUint8(16)]++;
                      seen.jpegs += view.getUint32(0) === 0x544c0103 && view.getUint16(20) === 0xffd8 ? 1 : 0;
                      return;
                    }
                    const message = JSON.parse(data);
                    seen.messages.push(message.type === 'error' ? message.reason : message.type);
                    if (message.revision?.state === 'full') { seen.full = message.revision; done(); }
                  };
                });
                return seen;
              };
              const good = await talk(clip.socket, { type: 'tweak', id: 't', prompt: 'ink' });
              const bad = await Promise.all(Array.from({ length: 20 }, () => talk(clip.socket.slice(0, -1) + 'x', null)));
              clearInterval(paint);
              await fetch(answer.headers.get('Location'), { method: 'DELETE' });
              peer.close();
              return { good, bad, frames: clip.source.frames };
            })()
            """);
        var good = seen.GetProperty("good");
        Assert.Equal("hello", good.GetProperty("messages")[0].GetString());
        var frames = seen.GetProperty("frames").GetInt32();
        Assert.True(frames > 5, $"{frames} frames");
        int[] passes = [.. good.GetProperty("passes").EnumerateArray().Select(p => p.GetInt32())];
        Assert.Equal((1, frames, passes.Sum()), (passes[0], passes[2], good.GetProperty("jpegs").GetInt32()));
        Assert.True(good.GetProperty("full").GetProperty("to_full_ms").GetDouble() > 0);
        // An address that was not issued gives no access, and the answer says so.
        Assert.All(seen.GetProperty("bad").EnumerateArray(), bad => Assert.StartsWith(
            "There is no such interactive clip", Assert.Single(bad.GetProperty("messages").EnumerateArray()).GetString(),
            StringComparison.Ordinal));
    }
}
