namespace Gemma2.Backend.Device;

/// <summary>What a dispatch was recorded for.</summary>
internal readonly record struct DispatchLabel(string? Step, int Layer);

/// <summary>How long one dispatch took on the device, by its own clock.</summary>
/// <param name="Step">What it did: "qkv", "attention" ...</param>
/// <param name="Layer">For which layer, from 0; -1 outside of the layers.</param>
/// <param name="Shader">The shader that ran.</param>
/// <param name="Grid">Workgroups along x, y and z.</param>
/// <param name="Begin">Nanoseconds on the device's clock at which the dispatch before it had ended.</param>
/// <param name="Nanoseconds">From there to its own end, barriers between them included.</param>
public readonly record struct DispatchTime(string Step, int Layer, string Shader, (uint X, uint Y, uint Z) Grid, long Begin, long Nanoseconds);
