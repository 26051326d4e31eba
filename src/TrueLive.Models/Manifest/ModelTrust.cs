namespace TrueLive.Models.Manifest;

/// <summary>
/// Where a model folder comes from. Whoever loads it says so, by the place that it lies in; nothing inside the folder can.
/// </summary>
public enum ModelTrust
{
    /// <summary>Somebody gave it: files of bounded size, each complete in itself.</summary>
    Given,

    /// <summary>
    /// It was pulled from a hub, with the checksums that the hub names and a licence that the operator accepted: larger files, and numbers
    /// that
    /// lie beside their graph. A program in it is never run.
    /// </summary>
    Pulled,
}
