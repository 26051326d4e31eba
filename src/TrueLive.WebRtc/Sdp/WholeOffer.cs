using System.Globalization;
using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Sdp;

/// <summary>
/// Refuses an offer of which only a part could be carried (RFC 9725 section 4.4): a sender would show "live" while nobody sees or hears
/// what
/// was left out.
/// </summary>
internal static class WholeOffer
{
    /// <summary>Looks at the sections that the far side sends, or, where no video is taken, at the one that it receives.</summary>
    /// <exception cref="SdpNotAcceptableException">A part of it could not be carried.</exception>
    public static void Require(SessionDescription session, IReadOnlyList<MediaDescription> usable, MediaPreferences preferences)
    {
        var way = preferences.ReceiveVideo ? MediaDirection.Send : MediaDirection.Receive;
        var videos = Of("video", way);
        var wanted = string.Join(" and ", preferences.Codecs.Select(c => c == VideoCodec.H264 ? "H264 (baseline to high profile)" : "VP8"));
        if (!preferences.ReceiveVideo)
        {
            if (!videos.Exists(m => SectionReading.VideoFormats(m, preferences.Codecs) is [{ PacketizationMode: 1 }, ..]))
                throw new SdpNotAcceptableException($"the offer receives {Names(videos)}; {wanted}, with packetization-mode=1, can be sent",
                    coding: true);
            return;
        }
        foreach (var video in videos)
        {
            if (SectionReading.VideoFormats(video, preferences.Codecs).Count == 0)
                throw new SdpNotAcceptableException($"its video is {Names([video])}; {wanted} are taken. Choose one of them as the " +
                    "encoder of the sender", coding: true);
        }
        var sounds = Of("audio", MediaDirection.Send);
        foreach (var sound in sounds)
        {
            if (SectionReading.Opus(sound) is null)
                throw new SdpNotAcceptableException($"its sound is {Names([sound])}; opus/48000/2 is taken, or no sound", coding: true);
        }
        if (videos.Count != 1 || sounds.Count > 1)
            throw new SdpNotAcceptableException($"it sends {videos.Count} video and {sounds.Count} audio streams; one video is taken, " +
                "with one audio stream or none", coding: false);
        if (videos.Concat(sounds).FirstOrDefault(m => !usable.Contains(m)) is { } outside)
            throw new SdpNotAcceptableException($"its {outside.Kind} section is not part of a=group:BUNDLE", coding: false);

        List<MediaDescription> Of(string kind, MediaDirection direction) =>
            session.Media.FindAll(m => m.Kind == kind && !SectionReading.IsRejected(m)
                && SectionReading.Direction(session, m).HasFlag(direction));
    }

    // The codecs offered, without those that only carry repairs or redundancy.
    private static string Names(List<MediaDescription> sections)
    {
        var names = sections.SelectMany(s => s.Formats.Select(f => Name(s, f))).OfType<string>().Distinct().Take(8).ToList();
        return names.Count > 0 ? string.Join(", ", names) : "nothing";
    }

    private static string? Name(MediaDescription section, string format)
    {
        if (!byte.TryParse(format, NumberStyles.None, CultureInfo.InvariantCulture, out var payloadType)
            || SectionReading.RtpMap(section, payloadType) is not { } map)
            return format is "0" ? "PCMU" : format is "8" ? "PCMA" : null;
        var name = map.Split('/')[0];
        if (name.ToLowerInvariant() is "rtx" or "red" or "ulpfec" or "flexfec-03" or "telephone-event" or "cn")
            return null;
        var profile = SectionReading.Parameter(SectionReading.Fmtp(section, payloadType), "profile-level-id");
        var shown = name.Length > 32 ? name[..32] : name;
        return shown.ToUpperInvariant() switch
        {
            "H265" => "H265 (HEVC)",
            "H264" when profile?.Length == 6 => $"H264 with profile-level-id={profile}",
            _ => shown,
        };
    }
}
