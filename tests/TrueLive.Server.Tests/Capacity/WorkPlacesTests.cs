using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Tests.Clips;

namespace TrueLive.Server.Tests.Capacity;

public sealed class WorkPlacesTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private const string Key = "a-key-of-enough-characters";
    private const string Other = "another-key-0123456789";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Run", "long")]
    public async Task One_key_sends_only_so_many_files_at_a_time_and_leaves_room_for_others()
    {
        await using var server = await ClipServer.StartAsync(files, o => (o.ApiKeys, o.ClipUploadMb) = ([Key, Other], 16));
        var places = server.Services.GetRequiredService<WorkPlaces>();
        var film = await server.FilmAsync("small.mp4", 0.2);
        var slow = Enumerable.Range(0, WorkPlaces.PerKey).Select(_ => new SlowFile()).ToArray();
        var sent = slow.Select(body => SendAsync(server, body, Key)).ToArray();
        await Http.NativeClient.UntilAsync(() => places.Taken == WorkPlaces.PerKey);

        var refused = await server.SendFileAsync(film, Key);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        using (var check = new HttpRequestMessage(HttpMethod.Post, "/v1/probes/check?requirement=video-call-filter")
        { Content = new StringContent("{}") })
        {
            check.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
            Assert.Equal(HttpStatusCode.TooManyRequests, (await server.Http.SendAsync(check, Cancel)).StatusCode);
        }
        Assert.Equal(HttpStatusCode.Created, (await server.SendFileAsync(film, Other)).StatusCode);

        foreach (var body in slow)
            body.End();
        foreach (var answer in sent)
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await answer).StatusCode);
        Assert.Equal(0, places.Taken);
        Assert.Equal(HttpStatusCode.Created, (await server.SendFileAsync(film, Key)).StatusCode);
    }

    [Fact]
    public async Task Programs_for_requests_take_turns()
    {
        using var places = new WorkPlaces(cores: 4);
        var first = await places.TurnAsync(Cancel);
        using var second = await places.TurnAsync(Cancel);
        var third = places.TurnAsync(Cancel);
        Assert.Equal((2, false), (places.Running, third.IsCompleted));
        first.Dispose();
        first.Dispose();
        using (await third)
            Assert.Equal(2, places.Running);
        Assert.Equal(1, places.Running);
    }

    private static Task<HttpResponseMessage> SendAsync(ClipServer server, HttpContent body, string key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/uploads") { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return server.Http.SendAsync(request, Cancel);
    }

    // A body that goes on until it is told to end.
    private sealed class SlowFile : HttpContent
    {
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void End() => _end.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            // As fast as the web server demands, however slow the machine is.
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            var some = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("no film ", 512)));
            do
            {
                await stream.WriteAsync(some, Cancel);
                await stream.FlushAsync(Cancel);
                await pace.WaitForNextTickAsync(Cancel);
            }
            while (!_end.Task.IsCompleted);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
