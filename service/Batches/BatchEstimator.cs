using System.Diagnostics;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Batches;

/// <summary>Says what a batch would take, without making it: its lines are read and measured as they would be, for some seconds at most.</summary>
internal sealed class BatchEstimator(
    FileStore files, BatchStore batches, BatchWork work, ModelHost model, CompletionFactory factory, ThroughputMeter meter, Gemma2Options options)
{
    private const int MostErrors = 20;

    // Of more batches that have not ended the first are looked at, and the others taken for like them.
    private const int MostBatches = 20;

    /// <summary>What is not counted by then is taken for like the rest: well within the time that a route has.</summary>
    internal TimeSpan TimeLimit { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Estimates a batch.</summary>
    /// <exception cref="InvalidRequestException">A part of it is not allowed, or there is no such file.</exception>
    /// <exception cref="ApiException">The model is not loaded yet.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchEstimate> RunAsync(NewBatch batch, CancellationToken cancellationToken)
    {
        batch.Validate();
        using EngineLease lease = model.Take();
        StoredFile input = await batches.GetInputAsync(new OwnedId(batch.Owner, batch.InputFileId), cancellationToken);
        Count count = await CountAsync(batch, input, lease.Engine, cancellationToken);
        double scale = count.Bytes > 0 ? (double)input.Bytes / count.Bytes : 1;
        var usage = new BatchUsage((long)(count.PromptTokens * scale), (long)(count.MostNewTokens * scale));
        return new BatchEstimate
        {
            Batch = batch,
            Lines = (long)(count.Lines * scale),
            BadLines = (long)(count.BadLines * scale),
            Errors = count.Errors,
            CountedLines = count.Lines,
            MostUsage = usage,
            ExpectedTokens = (count.PromptTokens + count.LikelyNewTokens) * scale,
            TokensAhead = await SumAheadAsync(cancellationToken),
            TokensPerSecond = meter.TokensPerSecond,
            Now = work.UtcNow,
            MostCost = options.Prices?.Of(usage),
        };
    }

    private async Task<Count> CountAsync(NewBatch batch, StoredFile input, IInferenceEngine engine, CancellationToken cancellationToken)
    {
        await using Stream stream = await files.TryOpenReadAsync(input.Key, 0, null, cancellationToken) ?? throw BatchStore.NoInput();
        var count = new Count();
        var parser = new BatchLineParser(batch.Endpoint, engine.ModelName);
        var customIds = new HashSet<string>();
        long start = Stopwatch.GetTimestamp();
        await foreach (FileLine line in LineReader.ReadAsync(stream, 0, 1, cancellationToken))
        {
            count.Bytes = line.Offset + line.Length;
            if (line.IsBlank)
                continue;
            BatchLine read = parser.Parse(line);
            if (read.CustomId is { } id && !customIds.Add(id) && read.Error is null)
                read = BatchLineParser.Duplicate(read);
            if (await MeasureAsync(read, engine, count, cancellationToken) is { } error)
                count.AddBad(error);
            count.Lines++;
            if (Stopwatch.GetElapsedTime(start) > TimeLimit)
                return count;
        }
        // Its last bytes may be blank.
        count.Bytes = input.Bytes;
        return count;
    }

    /// <summary>Counts a line's tokens; gives what is wrong with it.</summary>
    private async Task<BatchError?> MeasureAsync(BatchLine line, IInferenceEngine engine, Count count, CancellationToken cancellationToken)
    {
        if (line.Request is not { } request || line.Error is not null)
            return line.Error;
        try
        {
            Completion completion = await factory.CreateAsync(engine, request, "estimate", DateTimeOffset.UnixEpoch, line.Seed, RequestClass.Batch, cancellationToken);
            count.PromptTokens += completion.PromptTokens;
            foreach (EncodedPrompt prompt in completion.Prompts)
            {
                long room = engine.ContextLength - prompt.Tokens.Count;
                count.MostNewTokens += request.Tries * Math.Min(request.MaxTokens ?? request.UsualMaxTokens ?? room, room);
                count.LikelyNewTokens += request.Tries * Math.Min(ChunkLimits.LikelyTokens(request), room);
            }
            return null;
        }
        catch (Gemma2Exception error) when (error is ApiException or InvalidRequestException)
        {
            var said = ApiError.FromException(error);
            return new BatchError(said.Code ?? "invalid_request", said.Message, line.Number, said.Parameter);
        }
    }

    private async Task<double> SumAheadAsync(CancellationToken cancellationToken)
    {
        ActiveBatch[] active = [.. (await work.Markers.ListAsync(cancellationToken)).Where(batch => batch.Chunks > 0)];
        double tokens = 0;
        foreach (ActiveBatch batch in active.Take(MostBatches))
        {
            if (await batches.TryReadAsync(batch.Key, cancellationToken) is { HasEnded: false, Counts.Total: > 0 } record)
                tokens += record.EstimatedTokens * (1 - ((double)(record.Counts.Completed + record.Counts.Failed) / record.Counts.Total));
        }
        return tokens * Math.Max(1, (double)active.Length / MostBatches);
    }

    /// <summary>What was counted so far.</summary>
    private sealed class Count
    {
        private readonly List<BatchError> _errors = [];

        public long Bytes { get; set; }

        public long Lines { get; set; }

        public long BadLines { get; private set; }

        public long PromptTokens { get; set; }

        public long MostNewTokens { get; set; }

        public long LikelyNewTokens { get; set; }

        public IReadOnlyList<BatchError> Errors => _errors;

        public void AddBad(BatchError error)
        {
            BadLines++;
            if (_errors.Count < MostErrors)
                _errors.Add(error);
        }
    }
}
