using System.Globalization;
using System.Text.Json;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary>Batches in words.</summary>
internal static class BatchText
{
    /// <summary>So many errors are shown of more.</summary>
    public const int ErrorsShown = 5;

    /// <summary>A state, as OpenAI writes it.</summary>
    public static string Status(BatchStatus status) => JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    /// <summary>How far a batch is: "in_progress, 12 of 500 done, 3 failed".</summary>
    public static string Progress(BatchRecord batch) => Status(batch.Status) + (batch.Counts is { Total: > 0 } counts ? $", {Requests(counts)}" : "");

    /// <summary>How fast it goes: "812 new tokens/s, about 3 min 10 s left".</summary>
    public static string Pace(BatchPace pace) =>
        $"{(pace.TokensPerSecond is { } rate ? $"{Rate(rate)} new tokens/s" : "speed unknown")}, {(pace.TimeLeft is { } left ? $"about {Times.Describe(left)} left" : "time left unknown")}";

    /// <summary>Shows all about a batch on stdout.</summary>
    public static void Print(BatchRecord batch)
    {
        Tables.Print([batch.Key.Id, Status(batch.Status)], Facts(batch));
        string files = (batch.OutputFileId is null ? "" : " --output FILE") + (batch.ErrorFileId is null ? "" : " --errors FILE");
        if (files.Length > 0) Console.WriteLine($"Fetch with: gemma2 batch fetch {batch.Key.ForCommandLine()}{files}");
    }

    /// <summary>A batch's requests: "12 of 500 done, 3 failed".</summary>
    public static string Requests(BatchCounts counts) =>
        $"{Number(counts.Completed + counts.Failed)} of {Number(counts.Total)} done" + (counts.Failed > 0 ? $", {Number(counts.Failed)} failed" : "");

    private static IEnumerable<IReadOnlyList<string>> Facts(BatchRecord batch)
    {
        yield return ["endpoint", batch.Endpoint];
        if (batch.Counts.Total > 0) yield return ["requests", Requests(batch.Counts)];
        if (batch.Usage != default) yield return ["tokens", $"{Number(batch.Usage.InputTokens)} in, {Number(batch.Usage.OutputTokens)} new"];
        if (batch.Cost is { } cost) yield return ["cost", $"{Money(cost.Total)} {cost.Currency}: {Money(cost.Input)} in, {Money(cost.Output)} new"];
        if (batch is { Status: BatchStatus.InProgress, InProgressAt: { } begun } && Average(batch, DateTimeOffset.UtcNow - begun) is { } average) yield return ["so far", average];
        yield return ["created", Times.Describe(batch.CreatedAt)];
        yield return batch.HasEnded ? ["ended", $"{Times.Describe(batch.EndedAt)}{Duration(batch)}"] : ["due", $"{Times.Describe(batch.ExpiresAt)}, in {Times.Describe(batch.ExpiresAt - DateTimeOffset.UtcNow)}"];
        if (batch.CallbackUrl is { } url) yield return ["callback", $"{url.IdnHost}: {Callback(batch)}"];
        if (batch.RetryId is { } retry) yield return ["retried by", retry];
        foreach ((string key, string value) in batch.Metadata ?? new Dictionary<string, string>()) yield return [$"metadata {key}", ErrorText.OneLine(value)];
        yield return ["input", batch.InputFileId];
        if (batch.OutputFileId is { } output) yield return ["output", output];
        if (batch.ErrorFileId is { } errors) yield return ["errors", errors];
        foreach (BatchError error in batch.Errors.Take(ErrorsShown)) yield return [error.Line is { } line ? $"line {Number(line)}" : "reason", ErrorText.OneLine(error.Message)];
        if (batch.Errors.Count > ErrorsShown) yield return ["", $"and {Number(batch.Errors.Count - ErrorsShown)} more: --json shows them"];
    }

    /// <summary>How fast it was on the whole, and when it would end so; null while nothing is done.</summary>
    private static string? Average(BatchRecord batch, TimeSpan elapsed)
    {
        long done = batch.Counts.Completed + batch.Counts.Failed;
        if (done == 0 || elapsed <= TimeSpan.Zero) return null;
        TimeSpan left = (batch.Counts.Total - done) * (elapsed / done);
        return $"{Rate(batch.Usage.OutputTokens / elapsed.TotalSeconds)} new tokens/s, about {Times.Describe(left)} left";
    }

    private static string Callback(BatchRecord batch) =>
        batch.CallbackOutcome is { } outcome ? ErrorText.OneLine(outcome)
        : batch.CallbackTries > 0 ? $"tried {Number(batch.CallbackTries)} times"
        : "told when it has ended";

    private static string Duration(BatchRecord batch) => batch.EndedAt is { } end ? $", after {Times.Describe(end - batch.CreatedAt)}" : "";

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Money(decimal amount) => amount.ToString("0.######", CultureInfo.InvariantCulture);

    private static string Rate(double value) => value.ToString(value < 10 ? "0.0" : "N0", CultureInfo.InvariantCulture);
}
