namespace TrueLive.WebRtc.Stun;

/// <summary>Attribute types in use (RFC 8489 section 18.3, RFC 8445 section 20.2).</summary>
internal enum StunAttribute : ushort
{
    Username = 0x0006,
    MessageIntegrity = 0x0008,
    ErrorCode = 0x0009,
    UnknownAttributes = 0x000A,
    XorMappedAddress = 0x0020,
    Priority = 0x0024,
    UseCandidate = 0x0025,
    Software = 0x8022,
    Fingerprint = 0x8028,
    IceControlled = 0x8029,
    IceControlling = 0x802A,
}

/// <summary>Class of a message (RFC 8489 section 5).</summary>
internal enum StunClass : byte
{
    Request,
    Indication,
    Success,
    Error,
}
