using System.CommandLine;
using TrueLive.Models.Devices;

namespace TrueLive.Cli;

/// <summary>The option that selects the device of models, for commands without a server's settings.</summary>
internal static class DeviceOption
{
    public static Option<string> Make()
    {
        var device = new Option<string>("--device")
        {
            Description = "What the model runs on: auto (a GPU where all that one needs is "
            + "here), cpu, or cuda:N.",
            DefaultValueFactory = _ => "auto"
        };
        device.Validators.Add(given =>
        {
            if (!ComputeDevice.TryParse(given.GetValueOrDefault<string>(), out _))
                given.AddError($"--device is '{given.GetValueOrDefault<string>()}'; it must be auto, cpu or cuda:N, where N counts the "
                    + "GPUs from 0.");
        });
        return device;
    }
}
