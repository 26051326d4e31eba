using System.Text.Json;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The check of provenance against pixels that every transport must pass.</summary>
internal static class CodeTest
{
    public static async Task RunAsync(Browser browser, string query, double toleranceMs)
    {
        await using var server = await ServerProcess.StartAsync();
        await using var page = await browser.OpenAsync(server, query);
        await page.StartAsync("scene", "passthrough", "640x360");
        await page.PicturesAsync(5);
        await page.Page.EvaluateAsync(CodePainter.Start);
        await page.UntilAsync("codes.filter((c) => c[0] >= 0 && c[2] !== null).length >= 60", 40);
        var rows = (await page.EvalAsync<JsonElement>("codes")).EnumerateArray().Where(r => r[0].GetInt32() >= 0 && r[2].ValueKind == JsonValueKind.Number).ToArray();
        var errors = rows.Select(r => Math.Abs(r[1].GetDouble() - r[2].GetDouble())).ToArray();
        Assert.True(errors.All(e => e <= toleranceMs), $"of {errors.Length} pictures, {errors.Count(e => e > toleranceMs)} name another frame; worst {errors.Max():0.0} ms");
        var glass = rows.Select(r => r[3].GetDouble() - r[1].GetDouble()).Order().ToArray();
        Assert.True(glass[0] > 0, "a picture was shown before it was painted");
        TestContext.Current.TestOutputHelper?.WriteLine($"glass to glass p50 {glass[glass.Length / 2]:0.0} ms, p95 {glass[glass.Length * 95 / 100]:0.0} ms, n={glass.Length}");
    }
}
