using System.Text.Json;
using Gemma2.Chaos.Tests.Work;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Chaos.Tests.Audit;

/// <summary>Looks at what the receiver of callbacks heard: of each end at least once, under one id, signed, and of nothing else.</summary>
internal static class HookAudit
{
    /// <summary>What is wrong.</summary>
    /// <param name="heard">What was heard.</param>
    /// <param name="batches">All batches; all have ended.</param>
    /// <param name="jobs">The jobs that were to be told of.</param>
    public static IReadOnlyList<string> Find(IReadOnlyCollection<Hook> heard, IReadOnlyList<BatchRecord> batches, IReadOnlyList<OwnedId> jobs) =>
    [
        .. heard.Where(hook => !hook.IsSigned).Select(hook => $"Event {hook.Id} has a wrong signature."),
        .. Compare(heard.Where(hook => hook.Path == Hooks.Batches), batches.Select(batch => $"batch.{JsonNamingPolicy.SnakeCaseLower.ConvertName(batch.Status.ToString())} {batch.Key.Id}"), OfBatch),
        .. Compare(heard.Where(hook => hook.Path == Hooks.Jobs), jobs.Select(job => job.Id), OfJob),
    ];

    private static IEnumerable<string> Compare(IEnumerable<Hook> heard, IEnumerable<string> expected, Func<JsonElement, string> tell)
    {
        ILookup<string, string> ids = heard.ToLookup(hook => tell(JsonElement.Parse(hook.Body)), hook => hook.Id);
        string[] all = [.. expected];
        return
        [
            .. all.Where(end => !ids.Contains(end)).Select(end => $"Nobody was told of {end}."),
            .. ids.Select(end => end.Key).Except(all).Select(end => $"Somebody was told of {end}, which is not so."),
            .. ids.Where(end => end.Distinct().Count() > 1).Select(end => $"{end.Key} was told of under {end.Distinct().Count()} ids."),
        ];
    }

    private static string OfBatch(JsonElement told) => $"{told.GetProperty("type").GetString()} {told.GetProperty("data").GetProperty("id").GetString()}";

    private static string OfJob(JsonElement told) => told.GetProperty("id").GetString()!;
}
