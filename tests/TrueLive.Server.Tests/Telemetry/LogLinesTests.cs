using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Telemetry;
using TrueLive.Server.Tests.Journals;

namespace TrueLive.Server.Tests.Telemetry;

public sealed partial class LogLinesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly ServerOptions _options = new();

    [Fact]
    public void A_line_has_the_events_name_and_nothing_in_it_can_look_like_another_line()
    {
        var log = new Heard(_options, _time);
        LogNote(log, "a\r\n00:00:00 error forged: b\u001b[2J", null);
        var line = Assert.Single(log.Lines);
        Assert.Matches(@"^\d\d:\d\d:\d\d info note_made: a 00:00:00 error forged: b \[2J wants none\.$", line);
    }

    [Fact]
    public void Json_has_name_number_and_fields()
    {
        _options.LogFormat = "json";
        var log = new Heard(_options, _time);
        LogCount(log, 7, 1.5);
        var json = JsonNode.Parse(Assert.Single(log.Lines))!;
        Assert.Equal(("warning", "counted", 9902), ((string)json["level"]!, (string)json["event"]!, (int)json["id"]!));
        Assert.Equal((7, 1.5), ((int)json["fields"]!["how_many"]!, (double)json["fields"]!["rate"]!));
        Assert.Equal("Counted 7 at 1.5.", (string)json["message"]!);
    }

    [Fact]
    public void A_fault_shows_its_stack_and_a_client_that_left_does_not()
    {
        var log = new Heard(_options, _time);
        foreach (var error in new Exception[] { new InvalidOperationException("ours"), new OperationCanceledException("left"),
            new Microsoft.AspNetCore.Http.BadHttpRequestException("cut off") })
        {
            try
            {
                throw error;
            }
            catch (Exception thrown)
            {
                LogBroken(log, thrown);
            }
        }
        Assert.Equal([true, false, false],
            log.Lines.Select(l => l.Contains("   at ", StringComparison.Ordinal) || l.Contains(" at TrueLive.", StringComparison.Ordinal)));
        Assert.All(log.Lines, l => Assert.Single(l.Split('\n')));
    }

    [Fact]
    public void One_cause_is_said_once_a_minute_with_the_number_of_those_left_out()
    {
        var log = new Heard(_options, _time);
        for (var i = 0; i < 119; i++)
        {
            LogFails(log, $"job {i}", "no room");
            _time.Advance(TimeSpan.FromSeconds(1));
        }
        LogFails(log, "job 119", "no ffmpeg");
        Assert.Equal(3, log.Lines.Count);
        Assert.EndsWith("job 60 failed: no room (59 more like this since it was last said)", log.Lines[1], StringComparison.Ordinal);
        Assert.EndsWith("job 119 failed: no ffmpeg", log.Lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Causes_without_end_neither_fill_the_memory_nor_the_log()
    {
        var log = new Heard(_options, _time);
        for (var i = 0; i < 10_000; i++)
            LogFails(log, "job", $"cause {i}");
        Assert.Equal(LogPace.MaxCauses + 1, log.Lines.Count);
        _time.Advance(TimeSpan.FromMinutes(1));
        LogFails(log, "job", "a new cause");
        Assert.EndsWith("a new cause", log.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_is_summed_up_in_one_line_when_it_ends()
    {
        var log = new Heard(_options, TimeProvider.System);
        var registry = new SessionRegistry(new ModelStore([new PassthroughModel()]), new Admission(2, 30, 0), _options,
            TimeProvider.System, log);
        var hosted = registry.Create(new SessionRequest(null, "256x192", null, null) { Owner = "local" });
        var camera = new SteppedCamera(40, _ => { }, noise: false);
        await registry.RunAsync(hosted, "test", camera, camera, TestContext.Current.CancellationToken);
        registry.End(hosted, EndCause.ControlServer);
        var unused = registry.Create(new SessionRequest(null, "256x192", null, null) { Owner = "local" });
        await registry.DisposeAsync();
        var line = Assert.Single(log.Lines, l => l.Contains(" session_ended: ", StringComparison.Ordinal));
        Assert.Matches(
            $@"Session {hosted.Session.Id} ended after \d+\.\d s \(passthrough, 256x192\): 40 frames in \([\d.]+ per second\), 40 made, 40 out \([\d.]+ per second\); delay p50 \d+ ms, p99 \d+ ms; dropped: none\. The server ended the session\.$",
            line);
        Assert.Contains(log.Lines, l => l.Contains($" session_unused: Session {unused.Session.Id} ended after", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, l => l.Contains("(null)", StringComparison.Ordinal)
            || l.Contains(" at ", StringComparison.Ordinal) && l.Contains("Exception", StringComparison.Ordinal));
    }

    [LoggerMessage(EventId = 9901, EventName = "note_made", Level = LogLevel.Information, Message = "{Who} wants {What}.")]
    private static partial void LogNote(ILogger logger, string who, string? what);

    [LoggerMessage(EventId = 9902, EventName = "counted", Level = LogLevel.Warning, Message = "Counted {HowMany} at {Rate}.")]
    private static partial void LogCount(ILogger logger, int howMany, double rate);

    [LoggerMessage(EventId = 9903, EventName = "broken", Level = LogLevel.Error, Message = "Broken.")]
    private static partial void LogBroken(ILogger logger, Exception error);

    [LoggerMessage(EventId = 9904, EventName = "fails", Level = LogLevel.Warning, Message = "{Who} failed: {Why}")]
    private static partial void LogFails(ILogger logger, string who, string why);

    /// <summary>The server's own formatter, with its lines kept.</summary>
    private sealed class Heard(ServerOptions options, TimeProvider time) : ILogger<SessionRegistry>
    {
        private readonly LogLines _lines = new(options, time);
        private readonly List<string> _heard = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_heard)
                    return [.. _heard];
            }
        }

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            using var writer = new StringWriter();
            _lines.Write(new LogEntry<TState>(logLevel, "TrueLive.Test", eventId, state, exception, formatter), null, writer);
            lock (_heard)
            {
                if (writer.ToString() is { Length: > 0 } line)
                    _heard.Add(line.TrimEnd('\n', '\r'));
            }
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;
    }
}
