namespace TrueLive.WebRtc.Sdp;

/// <summary>A session description that cannot be used; the message says which line is at fault and what to change.</summary>
public class SdpException : Exception
{
    /// <summary>Creates the exception with a message for the person who wrote the client.</summary>
    public SdpException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public SdpException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Creates an exception without details.</summary>
    public SdpException()
    {
    }
}
