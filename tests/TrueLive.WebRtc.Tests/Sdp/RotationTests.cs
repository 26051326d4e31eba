using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Tests.Sdp;

/// <summary>
/// Rotated phones: if the receiver does not negotiate the orientation extension, the sender rotates its pictures (RFC 7742 section 4).
/// </summary>
public class RotationTests
{
    private const string Orientation = "urn:3gpp:video-orientation";

    [Theory]
    [InlineData("chromium-156-offer")]
    [InlineData("firefox-offer")]
    [InlineData("safari-offer")]
    public void The_orientation_extension_is_never_agreed_on(string client)
    {
        var offer = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Sdp", client + ".sdp"));
        offer = offer.Contains(Orientation, StringComparison.Ordinal)
            ? offer : System.Text.RegularExpressions.Regex.Replace(offer, "(m=video [^\n]*\n)", $"$1a=extmap:13 {Orientation}\r\n");
        SdpNegotiation.Answer(offer, new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        Assert.Contains("m=video", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(Orientation, answer, StringComparison.Ordinal);
    }
}
