namespace TrueLive.Fleet.Links;

/// <summary>The file of the keys that workers join a fleet with.</summary>
public static class JoinKeyFile
{
    /// <summary>Its place in the data folder of a control node.</summary>
    public static string PathIn(string dataFolder) => Path.Combine(dataFolder, "join-keys.json");
}
