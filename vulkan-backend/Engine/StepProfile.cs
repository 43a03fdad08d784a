using Gemma2.Backend.Device;

namespace Gemma2.Backend.Engine;

/// <summary>Where the time of one step went.</summary>
/// <param name="IsPrompt">A chunk of a prompt; else the next token of one or several sequences.</param>
/// <param name="Rows">Tokens in the step.</param>
/// <param name="Position">Position of its first row in its sequence.</param>
/// <param name="Dispatches">The dispatches in their order, on the device's clock.</param>
public sealed record StepProfile(bool IsPrompt, int Rows, int Position, IReadOnlyList<DispatchTime> Dispatches);
