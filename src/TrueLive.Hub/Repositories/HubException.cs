namespace TrueLive.Hub.Repositories;

/// <summary>A model cannot be pulled; the message says why, and what would help.</summary>
public sealed class HubException(string message, Exception? inner = null) : Exception(message, inner);
