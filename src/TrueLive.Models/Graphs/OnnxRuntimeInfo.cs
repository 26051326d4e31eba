using Microsoft.ML.OnnxRuntime;

namespace TrueLive.Models.Graphs;

/// <summary>The runtime that this installation brings.</summary>
public static class OnnxRuntimeInfo
{
    /// <summary>Its version.</summary>
    public static string Version => OrtEnv.Instance().GetVersionString();

    /// <summary>What it can compute on, the preferred first.</summary>
    public static IReadOnlyList<string> Providers => OrtEnv.Instance().GetAvailableProviders();
}
