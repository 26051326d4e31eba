namespace TrueLive.Media.Files;

/// <summary>A track of sound in a file.</summary>
/// <param name="Channels">How many channels it has.</param>
/// <param name="Layout">ffmpeg's name for their positions; null when the file does not say.</param>
public sealed record SoundTrack(int Channels, string? Layout);
