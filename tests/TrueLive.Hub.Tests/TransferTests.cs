using System.Net;
using Microsoft.AspNetCore.Http;
using TrueLive.Hub.Repositories;
using TrueLive.Hub.Transfer;

namespace TrueLive.Hub.Tests;

/// <summary>What users of hubs run into: connections that break, mirrors, tokens, caches that others use.</summary>
public sealed class TransferTests
{
    private static readonly byte[] Network = Puller.Network(400_000);

    private static string Name => StandInHub.Sha256(Network);

    [Fact]
    public async Task A_download_that_breaks_off_goes_on_where_it_was()
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address, time: Hasty());
        var breaks = 0;
        hub.Serve = async (http, _, content) =>
        {
            if (++breaks > 2)
                return false;
            await StandInHub.BreakOffAsync(http, content, 100_000, puller.Partial(Name));
            return true;
        };
        await puller.BringAsync();
        Assert.Equal([null, "bytes=100000-", "bytes=200000-"], hub.Requests.Where(r => r.OfStore).Select(r => r.Range));
        Assert.Equal(Network, await File.ReadAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name), Puller.Cancel));
    }

    [Fact]
    public async Task What_an_earlier_run_left_is_continued_and_what_never_comes_is_told()
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address, time: Hasty());
        var sent = 0;
        hub.Serve = async (http, _, content) =>
        {
            if (sent++ > 0)
            {
                http.Response.StatusCode = 503;
                return true;
            }
            await StandInHub.BreakOffAsync(http, content, 100_000, puller.Partial(Name));
            return true;
        };
        Assert.Contains("What was downloaded is kept", await puller.RefusedAsync(), StringComparison.Ordinal);
        Assert.Equal(100_000, new FileInfo(Path.Combine(puller.Kept, "blobs", Name + ".incomplete")).Length);
        Assert.False(File.Exists(Path.Combine(puller.Kept, "blobs", Name)));
        hub.Serve = (_, _, _) => Task.FromResult(false);
        await puller.BringAsync();
        Assert.Equal("bytes=100000-", hub.Requests.Last().Range);
    }

    [Theory]
    [InlineData("ignores the range")]
    [InlineData("has nothing beyond")]
    [InlineData("sends the range as if it were whole")]
    public async Task A_server_that_answers_a_range_its_own_way_damages_nothing(string way)
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address, time: Hasty());
        Directory.CreateDirectory(Path.Combine(puller.Kept, "blobs"));
        await File.WriteAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name + ".incomplete"), Network[..150_000], Puller.Cancel);
        hub.Serve = async (http, _, content) =>
        {
            var from = StandInHub.From(http);
            if (from == 0 && way != "ignores the range")
                return false;
            switch (way)
            {
                case "ignores the range":
                    http.Response.ContentLength = content.Length;
                    await http.Response.Body.WriteAsync(content);
                    break;
                case "has nothing beyond":
                    http.Response.StatusCode = 416;
                    break;
                default:
                    http.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
                    http.Response.ContentLength = content.Length - from;
                    await http.Response.Body.WriteAsync(content.AsMemory(from));
                    break;
            }
            return true;
        };
        await puller.BringAsync();
        Assert.Equal(Network, await File.ReadAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name), Puller.Cancel));
    }

    [Theory]
    [InlineData(1000, 2)]
    [InlineData(0, 0)]
    public async Task What_is_left_of_another_content_is_fetched_anew_and_what_is_complete_is_only_checked(int wrong, int requests)
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address, time: Hasty());
        Directory.CreateDirectory(Path.Combine(puller.Kept, "blobs"));
        byte[] left = wrong > 0 ? new byte[wrong] : Network;
        await File.WriteAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name + ".incomplete"), left, Puller.Cancel);
        await puller.BringAsync();
        Assert.Equal(requests, hub.Requests.Count(r => r.OfStore));
        Assert.Equal(Network, await File.ReadAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name), Puller.Cancel));
    }

    [Fact]
    public async Task A_connection_that_falls_silent_is_given_up_and_made_anew()
    {
        await using var hub = await OneFileAsync();
        var silent = new TaskCompletionSource();
        var held = new TaskCompletionSource();
        hub.Serve = async (http, _, content) =>
        {
            if (silent.Task.IsCompleted)
                return false;
            http.Response.ContentLength = content.Length;
            await http.Response.Body.WriteAsync(content.AsMemory(0, 100_000));
            await http.Response.Body.FlushAsync();
            silent.SetResult();
            await held.Task;
            return true;
        };
        var time = new HastyTime();
        using var puller = new Puller(hub.Address, time: time);
        var pulling = puller.BringAsync();
        await silent.Task;
        // The wait for what does not come may begin a moment later.
        while (time.Elapse())
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Puller.Cancel);
        await pulling;
        held.SetResult();
        Assert.Equal(2, hub.Requests.Count(r => r.OfStore));
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_not_to_its_store()
    {
        await using var hub = await OneFileAsync();
        hub.Token = "hf_secret";
        using var puller = new Puller(hub.Address, token: "hf_secret\n");
        await puller.BringAsync();
        Assert.All(hub.Requests, r => Assert.Equal(r.OfStore ? null : "Bearer hf_secret", r.Authorization));
        Assert.Contains(hub.Requests, r => r.OfStore);
    }

    [Fact]
    public async Task A_token_is_taken_from_where_a_login_left_it_and_an_empty_one_is_none()
    {
        await using var hub = await OneFileAsync();
        hub.Token = "hf_login";
        using var puller = new Puller(hub.Address, token: "");
        Directory.CreateDirectory(Path.Combine(puller.Home, "hf"));
        await File.WriteAllTextAsync(Path.Combine(puller.Home, "hf", "token"), "hf_login\n", Puller.Cancel);
        await puller.BringAsync();
        hub.Token = null;
        File.Delete(Path.Combine(puller.Home, "hf", "token"));
        hub.Requests.Clear();
        await puller.BringAsync();
        Assert.All(hub.Requests, r => Assert.Null(r.Authorization));
    }

    [Theory]
    [InlineData("http://models.example/", "http://models.example/", false)]
    [InlineData("https://models.example/", "https://models.example/a", true)]
    [InlineData("https://models.example/", "https://models.example:8443/a", false)]
    [InlineData("https://models.example/", "http://models.example/a", false)]
    [InlineData("https://models.example/", "https://models.example.evil/a", false)]
    [InlineData("http://127.0.0.1:9/", "http://127.0.0.1:9/a", true)]
    public void The_token_is_shown_to_the_hub_alone_and_never_unencrypted_over_a_network(string hub, string to, bool shown) =>
        Assert.Equal(shown, new HubSettings(new Uri(hub), "/", "hf_secret", false).MayShowToken(new Uri(to)));

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized, "RepoNotFound", "does not exist, or is private: set HF_TOKEN")]
    [InlineData("hf_old", HttpStatusCode.Unauthorized, "RepoNotFound", "does not accept the token of HF_TOKEN")]
    [InlineData(null, HttpStatusCode.Unauthorized, "GatedRepo", "is gated: its makers give access on")]
    [InlineData("hf_mine", HttpStatusCode.Forbidden, "GatedRepo", "with the account that HF_TOKEN belongs to")]
    [InlineData("hf_mine", HttpStatusCode.Forbidden, "", "has no right to it")]
    [InlineData(null, HttpStatusCode.NotFound, "RevisionNotFound", "has no revision 'main'")]
    [InlineData(null, HttpStatusCode.NotFound, "", "There is no acme/model")]
    [InlineData(null, HttpStatusCode.TooManyRequests, "", "asks for fewer requests (429)")]
    [InlineData(null, HttpStatusCode.Gone, "", "answers 410")]
    public async Task A_refusal_says_what_would_help(string? token, HttpStatusCode status, string code, string words)
    {
        await using var hub = await OneFileAsync();
        (hub.Token, hub.Refusal) = ("hf_right", (status, code));
        using var puller = new Puller(hub.Address, token);
        var said = await puller.RefusedAsync();
        Assert.Contains(words, said, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_", said, StringComparison.Ordinal);
        // A hub that refuses is not asked again and again.
        Assert.Single(hub.Requests);
    }

    [Fact]
    public async Task A_mirror_may_point_elsewhere_on_itself_but_not_round_in_circles_nor_to_other_kinds_of_address()
    {
        await using var hub = await OneFileAsync();
        var to = "?signed=1&more=2";
        hub.Serve = (http, _, _) =>
        {
            if (http.Request.QueryString.HasValue && to.StartsWith('?'))
                return Task.FromResult(http.Request.QueryString.Value != to);
            http.Response.Redirect(to.StartsWith('?') ? http.Request.Path + to : to, permanent: false, preserveMethod: true);
            return Task.FromResult(true);
        };
        using var puller = new Puller(hub.Address);
        await puller.BringAsync();
        using var other = new Puller(hub.Address);
        to = "/";
        hub.Serve = (http, path, _) =>
        {
            http.Response.Redirect(to == "/" ? http.Request.Path.Value! : to, permanent: false);
            return Task.FromResult(true);
        };
        Assert.Contains("without an end", await other.RefusedAsync(), StringComparison.Ordinal);
        to = "ftp://127.0.0.1/a";
        Assert.Contains("which is not encrypted", await other.RefusedAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offline_the_cache_is_used_checked_and_named_when_it_lacks_something()
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address);
        await puller.BringAsync();
        using var offline = new Puller(new Uri("http://127.0.0.1:1"), offline: true, home: puller.Home);
        var (plan, places) = await offline.BringAsync();
        Assert.Equal(Network, await File.ReadAllBytesAsync(places[plan.Files.Single()], Puller.Cancel));
        using (var pull = offline.Open())
            Assert.Contains("acme/other is not in", (await Assert.ThrowsAsync<HubException>(() =>
                pull.PlanAsync("acme/other", null, null, Puller.Cancel))).Message, StringComparison.Ordinal);
        await File.WriteAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name), new byte[Network.Length], Puller.Cancel);
        Assert.Contains("is damaged in", (await Assert.ThrowsAsync<HubException>(() => offline.BringAsync())).Message,
            StringComparison.Ordinal);
        // Online, what is damaged is fetched again.
        await puller.BringAsync();
        Assert.Equal(Network, await File.ReadAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name), Puller.Cancel));
    }

    [Fact]
    public async Task A_cache_that_has_all_of_it_is_not_written_to()
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address);
        await puller.BringAsync();
        Directory.Delete(Path.Combine(puller.Cache, ".locks"), true);
        var before = State();
        await puller.BringAsync();
        Assert.Equal(before, State());

        string[] State() => [.. Directory.EnumerateFileSystemEntries(puller.Cache, "*", SearchOption.AllDirectories)
            .Select(f => $"{f} {File.GetLastWriteTimeUtc(f).Ticks}").Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task While_another_program_downloads_the_same_file_it_is_waited_for_and_not_downloaded_twice()
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address);
        var locks = Directory.CreateDirectory(Path.Combine(puller.Cache, ".locks", "models--acme--model")).FullName;
        Task<(PullPlan, IReadOnlyDictionary<PlannedFile, string>)> pulling;
        using (new FileStream(Path.Combine(locks, Name + ".lock"), FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            pulling = puller.BringAsync();
            while (hub.Requests.IsEmpty)
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Puller.Cancel);
            Directory.CreateDirectory(Path.Combine(puller.Kept, "blobs"));
            await File.WriteAllBytesAsync(Path.Combine(puller.Kept, "blobs", Name), Network, Puller.Cancel);
        }
        await pulling;
        Assert.Empty(hub.Downloads);
    }

    [Theory]
    [InlineData("HF_HUB_CACHE", "/a/b", "/a/b")]
    [InlineData("HF_HUB_CACHE", "~/b", "/home/me/b")]
    [InlineData("HF_HOME", "/c", "/c/hub")]
    [InlineData("XDG_CACHE_HOME", "/d", "/d/huggingface/hub")]
    [InlineData("NOTHING", "", "/home/me/.cache/huggingface/hub")]
    public void The_cache_lies_where_other_programs_look_for_it(string variable, string value, string folder) =>
        Assert.Equal(folder, HubSettings.Read(n => n == variable ? value : n == "HOME" ? "/home/me" : null).CacheFolder);

    [Theory]
    [InlineData("HF_ENDPOINT", "models.example", "must be an address")]
    [InlineData("HF_TOKEN", "hf_a b", "characters that no token has")]
    public void A_variable_that_cannot_be_used_is_named(string variable, string value, string words) =>
        Assert.Contains(words, Assert.Throws<HubException>(() => HubSettings.Read(n => n == variable ? value : null)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("acme/model", "acme/model", "main")]
    [InlineData("acme/model@v1.0", "acme/model", "v1.0")]
    [InlineData("acme/model@refs/pr/11", "acme/model", "refs/pr/11")]
    [InlineData("acme", null, null)]
    [InlineData("acme/model/more", null, null)]
    [InlineData("../model", null, null)]
    [InlineData("acme/..", null, null)]
    [InlineData("acme--x/model", null, null)]
    [InlineData("acme/model@../../x", null, null)]
    [InlineData("acme/model@", null, null)]
    public void A_repository_is_named_with_its_revision(string text, string? id, string? revision) =>
        Assert.Equal((id, revision), (RepositoryName.TryParse(text)?.Id, RepositoryName.TryParse(text)?.Revision));

    private static HastyTime Hasty() => new();

    private static Task<StandInHub> OneFileAsync() => StandInHub.StartAsync(Puller.Repository, new() { ["model.onnx"] = Network });

    /// <summary>Pauses between tries pass at once; long limits pass when they are told to.</summary>
    private sealed class HastyTime : TimeProvider
    {
        private readonly Lock _gate = new();
        private readonly List<ITimer> _limits = [];
        private bool _hasPaused;

        /// <summary>
        /// Lets the limits pass that have begun. False once there was a pause between tries: then one has, and those that begin later hold.
        /// </summary>
        public bool Elapse()
        {
            lock (_gate)
            {
                foreach (var limit in _hasPaused ? [] : _limits)
                    limit.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
                return !_hasPaused;
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            lock (_gate)
            {
                if (dueTime < TimeSpan.FromSeconds(30))
                {
                    _hasPaused |= dueTime > TimeSpan.Zero;
                    return base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
                }
                var limit = base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _limits.Add(limit);
                return limit;
            }
        }
    }
}
