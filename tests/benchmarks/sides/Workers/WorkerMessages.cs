using System.Text.Json;
using System.Text.Json.Serialization;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Sides.Workers;

/// <summary>Asks a worker for one thing: a turn, logits, or a load.</summary>
/// <param name="Tokens">Prompt, or all tokens.</param>
/// <param name="Decode">Steps after the prompt's; null asks for the logits after the last token.</param>
/// <param name="Load">What clients are to send; nothing else is asked for then.</param>
internal sealed record WorkerRequest(int[] Tokens, int? Decode, Load? Load = null);

/// <summary>A worker's answer; the first of all is the description.</summary>
/// <param name="Description">What runs.</param>
/// <param name="Turn">A turn's times.</param>
/// <param name="Logits">[vocabulary].</param>
/// <param name="Load">What the load's clients saw.</param>
/// <param name="PeakBytes">Most memory that the process has had resident so far.</param>
/// <param name="Error">What went wrong, after which the worker ends.</param>
internal sealed record WorkerAnswer(SideDescription? Description = null, Turn? Turn = null, float[]? Logits = null, LoadResult? Load = null, long PeakBytes = 0, string? Error = null);

/// <summary>Messages as lines of JSON.</summary>
[JsonSerializable(typeof(WorkerRequest))]
[JsonSerializable(typeof(WorkerAnswer))]
internal sealed partial class WorkerJson : JsonSerializerContext
{
    /// <summary>A message on one line.</summary>
    public static string Line(WorkerRequest request) => JsonSerializer.Serialize(request, Default.WorkerRequest);

    /// <summary>A message on one line.</summary>
    public static string Line(WorkerAnswer answer) => JsonSerializer.Serialize(answer, Default.WorkerAnswer);
}
