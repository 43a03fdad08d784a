using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary>A batch as <c>--json</c> prints it: OpenAI's batch object, times in seconds since 1970, and whose it is.</summary>
internal sealed record BatchReport(
    string Id,
    string Object,
    string? Owner,
    string Endpoint,
    BatchErrors? Errors,
    string InputFileId,
    string CompletionWindow,
    BatchStatus Status,
    string? OutputFileId,
    string? ErrorFileId,
    long CreatedAt,
    long? InProgressAt,
    long ExpiresAt,
    long? FinalizingAt,
    long? CompletedAt,
    long? FailedAt,
    long? ExpiredAt,
    long? CancellingAt,
    long? CancelledAt,
    BatchCounts RequestCounts,
    BatchTokens Usage,
    BatchCostReport? Cost,
    string? CallbackOutcome,
    string? RetryId,
    IReadOnlyDictionary<string, string>? Metadata)
{
    /// <summary>The report of a batch.</summary>
    public static BatchReport Of(BatchRecord batch) => new(
        batch.Key.Id,
        "batch",
        batch.Key.Owner,
        batch.Endpoint,
        batch.Errors.Count == 0 ? null : new BatchErrors("list", [.. batch.Errors.Select(error => new BatchErrorItem(error.Code, error.Line, error.Message, error.Parameter))]),
        batch.InputFileId,
        batch.CompletionWindow,
        batch.Status,
        batch.OutputFileId,
        batch.ErrorFileId,
        batch.CreatedAt.ToUnixTimeSeconds(),
        batch.InProgressAt?.ToUnixTimeSeconds(),
        batch.ExpiresAt.ToUnixTimeSeconds(),
        batch.FinalizingAt?.ToUnixTimeSeconds(),
        batch.CompletedAt?.ToUnixTimeSeconds(),
        batch.FailedAt?.ToUnixTimeSeconds(),
        batch.ExpiredAt?.ToUnixTimeSeconds(),
        batch.CancellingAt?.ToUnixTimeSeconds(),
        batch.CancelledAt?.ToUnixTimeSeconds(),
        batch.Counts,
        new BatchTokens(batch.Usage.InputTokens, batch.Usage.OutputTokens, batch.Usage.InputTokens + batch.Usage.OutputTokens),
        batch.Cost is { } cost ? new BatchCostReport(cost.Currency, cost.Input, cost.Output, cost.Total) : null,
        batch.CallbackOutcome,
        batch.RetryId,
        batch.Metadata);
}

/// <summary>What a batch's tokens cost.</summary>
/// <param name="Currency">In which currency.</param>
/// <param name="Input">Its prompts.</param>
/// <param name="Output">Its new tokens.</param>
/// <param name="Total">Both.</param>
internal sealed record BatchCostReport(string Currency, decimal Input, decimal Output, decimal Total);

/// <summary>What is wrong with a batch or its first bad lines.</summary>
/// <param name="Object">Always "list".</param>
/// <param name="Data">The errors.</param>
internal sealed record BatchErrors(string Object, IReadOnlyList<BatchErrorItem> Data);

/// <summary>One of them.</summary>
/// <param name="Code">A word for programs.</param>
/// <param name="Line">The line of the input, from 1; null where it is no line's.</param>
/// <param name="Message">One line for people.</param>
/// <param name="Param">The field; null where it is no field's.</param>
internal sealed record BatchErrorItem(string Code, int? Line, string Message, string? Param);

/// <summary>A batch's tokens.</summary>
/// <param name="InputTokens">Of prompts.</param>
/// <param name="OutputTokens">New ones.</param>
/// <param name="TotalTokens">Both.</param>
internal sealed record BatchTokens(long InputTokens, long OutputTokens, long TotalTokens);
