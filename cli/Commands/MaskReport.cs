using System.Text.Json.Serialization;

namespace Gemma2.Cli.Commands;

/// <summary>What <c>gemma2 masks</c> tells about a file.</summary>
/// <param name="File">The file.</param>
/// <param name="CompileError">Why its schema was refused; null where it was not.</param>
/// <param name="CompileUs">Microseconds that compiling took.</param>
/// <param name="Tests">What became of its instances, in their order; none where the schema was refused.</param>
internal sealed record MaskReport(
    string File, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? CompileError, double CompileUs, IReadOnlyList<MaskTest> Tests);

/// <summary>What became of an instance.</summary>
/// <param name="Accepted">Whether each of its tokens and the end were allowed.</param>
/// <param name="Tokens">Tokens that were tried: all, or those up to the first that was not allowed.</param>
/// <param name="MaskUs">Microseconds for the mask of each of them.</param>
/// <param name="Error">Why there was no mask; null where there was.</param>
internal sealed record MaskTest(bool Accepted, int Tokens, IReadOnlyList<double> MaskUs, string? Error = null);

/// <summary>What <c>gemma2 masks</c> tells about a file that it cannot use.</summary>
/// <param name="File">The file.</param>
/// <param name="Error">Why.</param>
internal sealed record MaskError(string File, string Error);
