using CsCheck;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Tests.Configuration;

public sealed class OptionsReaderTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Nothing_set_gives_the_defaults() => Assert.Equal(8080, Read().Port);

    [Fact]
    public void Flags_win_over_the_environment_and_that_over_the_file()
    {
        File.WriteAllText(_file, "port: 1000\nwebrtc_port: 1001\nsize: 384x216\nwebrtc_addresses: [10.0.0.1, 10.0.0.2]\n");
        var options = OptionsReader.Read(
            _file, name => name switch { "TRUELIVE_PORT" => "2000", "TRUELIVE_WEBRTC_PORT" => "2001", _ => null },
            new Dictionary<string, string> { ["port"] = "3000" });
        Assert.Equal((3000, 2001, "384x216"), (options.Port, options.WebrtcPort, options.Size));
        Assert.Equal(["10.0.0.1", "10.0.0.2"], options.WebrtcAddresses);
    }

    [Theory]
    [InlineData("port", "70000", "--port is 70000; it must be within 0..65535.")]
    [InlineData("port", "many", "--port is 'many'; it must be a whole number.")]
    [InlineData("webrtc_udp", "maybe", "--webrtc-udp is 'maybe'; it must be true or false.")]
    [InlineData("size", "big", "--size is 'big'")]
    [InlineData("host", "example.org", "host is 'example.org'")]
    [InlineData("api_keys", "short", "api_keys has a key of fewer than 16 characters")]
    [InlineData("tls_key", "/k.pem", "tls_certificate and tls_key go together")]
    public void A_wrong_value_is_named_by_its_key(string key, string value, string words) =>
        Assert.Contains(Problems(new() { [key] = value }), p => p.Contains(words, StringComparison.Ordinal));

    [Fact]
    public void An_unknown_variable_is_refused_with_the_name_that_was_meant()
    {
        var environment = new Dictionary<string, string>
        {
            ["TRUELIVE_WEBRTC_PROT"] = "1",
            ["TRUELIVE_PORT"] = "many",
            ["PATH"] = "/",
            ["TRUELIVE_KEY"] = "x",
            ["TRUELIVE_TEST_PACKAGES"] = "y"
        };
        var problems = Assert.Throws<ConfigurationException>(() =>
            OptionsReader.Read(null, environment, new Dictionary<string, string>())).Problems;
        Assert.Equal(["TRUELIVE_PORT is 'many'; it must be a whole number.",
            "TRUELIVE_WEBRTC_PROT is not a setting. Did you mean TRUELIVE_WEBRTC_PORT?"], problems);
        environment.Remove("TRUELIVE_WEBRTC_PROT");
        environment["TRUELIVE_PORT"] = "8081";
        Assert.Equal(8081, OptionsReader.Read(null, environment, new Dictionary<string, string>()).Port);
    }

    [Fact]
    public void An_unknown_key_in_the_file_is_named()
    {
        File.WriteAllText(_file, "prot: 1\n");
        Assert.Contains("prot in", Assert.Single(Problems([], _file)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("- a\n- b\n")]
    [InlineData("a: [\n")]
    [InlineData("? [x, y]\n: z\n")]
    public void A_file_that_is_not_settings_is_refused_in_words(string yaml)
    {
        File.WriteAllText(_file, yaml);
        Assert.Contains("cannot be read", Assert.Single(Problems([], _file)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_may_be_in_a_file_of_its_own_and_a_list_of_them_line_by_line()
    {
        File.WriteAllText(_file, "postgres://u:hunter2@db/fleet\n");
        Assert.Equal("postgres://u:hunter2@db/fleet", ReadFrom("TRUELIVE_STORE_FILE").Store);
        File.WriteAllText(_file, "0123456789abcdef\r\nfedcba9876543210\n\n");
        Assert.Equal(["0123456789abcdef", "fedcba9876543210"], ReadFrom("TRUELIVE_API_KEYS_FILE").ApiKeys);
    }

    [Fact]
    public void A_file_of_a_secret_that_cannot_be_used_is_named_and_its_text_is_not()
    {
        Assert.Contains("which cannot be read: it is empty", Refused(), StringComparison.Ordinal);
        File.WriteAllText(_file, new string('x', 100_000));
        Assert.Contains("it is longer than", Refused(), StringComparison.Ordinal);
        File.WriteAllText(_file, "hunter2\nhunter2");
        Assert.Contains("which cannot be read: it has more than one line", Refused(), StringComparison.Ordinal);
        File.WriteAllText(_file, "hunter2");
        Assert.Equal("TRUELIVE_JOIN_KEY and TRUELIVE_JOIN_KEY_FILE are both set: leave one of them out.",
            Refused(("TRUELIVE_JOIN_KEY", "x")));
        File.Delete(_file);
        Assert.Contains($"TRUELIVE_JOIN_KEY_FILE names the file {_file}, which cannot be read", Refused(), StringComparison.Ordinal);
        Assert.Contains("TRUELIVE_PORT_FILE is not a setting", Refused(("TRUELIVE_PORT_FILE", _file)), StringComparison.Ordinal);

        string Refused(params (string, string)[] more)
        {
            var words = string.Join('\n', Assert.Throws<ConfigurationException>(() => ReadFrom("TRUELIVE_JOIN_KEY_FILE", more)).Problems);
            Assert.DoesNotContain("hunter2", words, StringComparison.Ordinal);
            return words;
        }
    }

    [Fact]
    public void A_store_in_a_file_that_is_none_is_refused_without_its_password()
    {
        File.WriteAllText(_file, "postgre://u:hunter2@db/fleet\n");
        var words = Assert.Single(Assert.Throws<ConfigurationException>(() => ReadFrom("TRUELIVE_STORE_FILE")).Problems);
        Assert.Contains(_file, words, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", words, StringComparison.Ordinal);
    }

    [Fact]
    public void Off_loopback_it_asks_for_tls_and_a_key_unless_told_insecure()
    {
        Assert.Equal(2, Problems(new() { ["host"] = "0.0.0.0" }).Count);
        Assert.Single(Problems(new() { ["host"] = "0.0.0.0", ["tls_self_made"] = "true" }));
        Read(new() { ["host"] = "0.0.0.0", ["tls_self_made"] = "", ["api_keys"] = "0123456789abcdef" });
        Read(new() { ["host"] = "0.0.0.0", ["insecure"] = "true" });
        Read(new() { ["host"] = "::1" });
    }

    [Fact]
    public void Any_text_for_any_key_gives_settings_or_words_and_never_another_exception() =>
        Gen.Select(Gen.Int[0, OptionsReader.Keys.Count - 1], Gen.String).Sample((index, value) =>
        {
            try
            {
                Read(new() { [OptionsReader.Keys[index].Key] = value });
            }
            catch (ConfigurationException wrong)
            {
                Assert.NotEmpty(wrong.Problems);
            }
        });

    private ServerOptions ReadFrom(string variable, params (string Name, string Value)[] more) => OptionsReader.Read(null,
        more.Append((variable, _file)).ToDictionary(v => v.Item1, v => v.Item2), new Dictionary<string, string>());

    private static ServerOptions Read(Dictionary<string, string>? flags = null) => OptionsReader.Read(null, _ => null, flags ?? []);

    private static IReadOnlyList<string> Problems(Dictionary<string, string> flags, string? file = null) =>
        Assert.Throws<ConfigurationException>(() => OptionsReader.Read(file, _ => null, flags)).Problems;
}
