using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Trials;

/// <summary>What is shown in the second half of a cycle: one of two scenes, then the reference.</summary>
internal sealed class SoakPictures(TrialSetting setting)
{
    private static readonly sbyte[] Rest = new sbyte[7];
    private readonly StimulusRenderer _scenes = Renderer(setting, "soak scene");
    private readonly StimulusRenderer _reference = Renderer(setting, "soak reference");

    /// <summary>Draws a cycle: codes for so many frames, then the scene for so many, then the reference.</summary>
    public DrawFrame Drawing(DrawFrame codes, int coded, int scene, int sceneFrames) => (frame, noise, picture) =>
    {
        if (frame < coded)
            codes(frame, noise, picture);
        else if (frame < coded + sceneFrames)
            _scenes.Draw(new FrameState { Codes = Rest, Pan = 0, Scene = scene > 0 ? 1 : 0, Moment = frame }, noise, picture);
        else
            _reference.Draw(new FrameState { Codes = Rest, Pan = 0, Scene = 0, Moment = 0 }, noise, picture);
    };

    private static StimulusRenderer Renderer(TrialSetting setting, string purpose) =>
        new(setting.SeedOf(purpose), setting.Format.Width, setting.Format.Height, setting.Amplitude);
}
