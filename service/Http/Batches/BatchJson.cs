using System.Text.Json;
using Gemma2.Service.Batches;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Http.Batches;

/// <summary>A batch in OpenAI's shape. Source: OpenAI API reference, "The batch object".</summary>
internal static class BatchJson
{
    /// <summary>Writes the object.</summary>
    public static void Write(Utf8JsonWriter json, BatchRecord batch)
    {
        json.WriteStartObject();
        json.WriteString("id", batch.Key.Id);
        json.WriteString("object", "batch");
        json.WriteString("endpoint", batch.Endpoint);
        WriteErrors(json, batch.Errors);
        json.WriteString("input_file_id", batch.InputFileId);
        json.WriteString("completion_window", batch.CompletionWindow);
        json.WriteString("status", Name(batch.Status));
        json.WriteString("output_file_id", batch.OutputFileId);
        json.WriteString("error_file_id", batch.ErrorFileId);
        WriteTime(json, "created_at", batch.CreatedAt);
        WriteTime(json, "in_progress_at", batch.InProgressAt);
        WriteTime(json, "expires_at", batch.ExpiresAt);
        WriteTime(json, "finalizing_at", batch.FinalizingAt);
        WriteTime(json, "completed_at", batch.CompletedAt);
        WriteTime(json, "failed_at", batch.FailedAt);
        WriteTime(json, "expired_at", batch.ExpiredAt);
        WriteTime(json, "cancelling_at", batch.CancellingAt);
        WriteTime(json, "cancelled_at", batch.CancelledAt);
        WriteCounts(json, batch.Counts);
        WriteUsage(json, batch.Usage);
        WriteCost(json, batch.Cost);
        WriteMetadata(json, batch.Metadata);
        json.WriteEndObject();
    }

    /// <summary>Writes a page of results: lines as the output and error files have them, what to ask for next, and how far the batch is.</summary>
    public static void WriteResults(Utf8JsonWriter json, BatchResultPage page)
    {
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (ReadOnlyMemory<byte> line in page.Lines)
            json.WriteRawValue(line.Span, skipInputValidation: true);
        json.WriteEndArray();
        json.WriteBoolean("has_more", page.HasMore);
        json.WriteString("next_after", page.Next);
        json.WriteString("batch_status", Name(page.Status));
        json.WriteEndObject();
    }

    /// <summary>Writes what a batch would take.</summary>
    public static void WriteEstimate(Utf8JsonWriter json, BatchEstimate estimate)
    {
        DateTimeOffset expires = estimate.Now + estimate.Batch.Window;
        json.WriteStartObject();
        json.WriteString("object", "batch.estimate");
        json.WriteString("endpoint", estimate.Batch.Endpoint);
        json.WriteString("input_file_id", estimate.Batch.InputFileId);
        json.WriteString("completion_window", estimate.Batch.CompletionWindow);
        json.WriteNumber("lines", estimate.Lines);
        json.WriteNumber("bad_lines", estimate.BadLines);
        json.WriteNumber("counted_lines", estimate.CountedLines);
        WriteErrors(json, estimate.Errors);
        json.WriteNumber("prompt_tokens", estimate.MostUsage.InputTokens);
        json.WriteNumber("max_output_tokens", estimate.MostUsage.OutputTokens);
        json.WriteNumber("tokens_ahead", (long)estimate.TokensAhead);
        json.WriteNumber("tokens_per_second", Math.Round(estimate.TokensPerSecond, 1));
        WriteTime(json, "expected_end_at", estimate.ExpectedEnd);
        WriteTime(json, "expires_at", expires);
        json.WriteBoolean("fits_window", estimate.ExpectedEnd <= expires);
        WriteCost(json, estimate.MostCost);
        json.WriteEndObject();
    }

    private static string Name(BatchStatus status) => JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } known)
            json.WriteNumber(name, known.ToUnixTimeSeconds());
        else
            json.WriteNull(name);
    }

    private static void WriteErrors(Utf8JsonWriter json, IReadOnlyList<BatchError> errors)
    {
        if (errors.Count == 0)
        {
            json.WriteNull("errors");
            return;
        }
        json.WriteStartObject("errors");
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (BatchError error in errors)
            WriteError(json, error);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteError(Utf8JsonWriter json, BatchError error)
    {
        json.WriteStartObject();
        json.WriteString("code", error.Code);
        json.WriteString("message", error.Message);
        json.WriteString("param", error.Parameter);
        if (error.Line is { } line)
            json.WriteNumber("line", line);
        else
            json.WriteNull("line");
        json.WriteEndObject();
    }

    private static void WriteCounts(Utf8JsonWriter json, BatchCounts counts)
    {
        json.WriteStartObject("request_counts");
        json.WriteNumber("total", counts.Total);
        json.WriteNumber("completed", counts.Completed);
        json.WriteNumber("failed", counts.Failed);
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, BatchUsage usage)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", usage.InputTokens);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", 0);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", usage.OutputTokens);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", 0);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", usage.InputTokens + usage.OutputTokens);
        json.WriteEndObject();
    }

    /// <summary>Writes what tokens cost; null where nobody has said so.</summary>
    public static void WriteCost(Utf8JsonWriter json, BatchCost? cost)
    {
        if (cost is null)
        {
            json.WriteNull("cost");
            return;
        }
        json.WriteStartObject("cost");
        json.WriteString("currency", cost.Currency);
        json.WriteNumber("input", Short(cost.Input));
        json.WriteNumber("output", Short(cost.Output));
        json.WriteNumber("total", Short(cost.Total));
        json.WriteEndObject();
    }

    // Without zeros at its end.
    private static decimal Short(decimal number) => number / 1.0000000000000000000000000000m;

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is null)
        {
            json.WriteNull("metadata");
            return;
        }
        json.WriteStartObject("metadata");
        foreach ((string key, string value) in metadata)
            json.WriteString(key, value);
        json.WriteEndObject();
    }
}
