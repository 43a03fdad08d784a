using System.Text.Json;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>A single job.</summary>
/// <param name="Id">Its id, the client's choice.</param>
/// <param name="Request">What it asks for.</param>
/// <param name="Kind">What it must come to.</param>
internal sealed record JobInput(string Id, JsonElement Request, LineKind Kind)
{
    /// <summary>Makes jobs from a seed.</summary>
    public static IReadOnlyList<JobInput> Create(string model, int count, int seed)
    {
        var random = new Random(seed);
        var prompts = new Prompts(random, model);
        return [.. Enumerable.Range(0, count).Select(index => Create(prompts, BatchInput.Endpoints[random.Next(2)], index))];
    }

    private static JobInput Create(Prompts prompts, string endpoint, int index)
    {
        // Every second job is the operator's: over HTTP one that cannot be run is not taken.
        LineKind kind = index % 8 == 6 ? LineKind.Fails : LineKind.Answered;
        string request = (kind == LineKind.Fails ? prompts.TooLong(endpoint) : prompts.Good(endpoint)).ToJsonString();
        return new JobInput($"chaos-job-{index}", JsonElement.Parse(request), kind);
    }
}
