using System.Text.Json;
using Gemma2.Chaos.Tests.Work;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Pipelines;

namespace Gemma2.Chaos.Tests.Audit;

/// <summary>Looks through an account after all work has ended: is each result there once, is it right, is there anything that nobody owns?</summary>
internal sealed class Auditor(Account account, Ledger ledger, Reference reference, IReadOnlyList<string> garbage)
{
    private readonly List<string> _findings = [];

    /// <summary>What is wrong.</summary>
    public IReadOnlyList<string> Findings => _findings;

    /// <summary>Requests that should have a result: lines of batches, and jobs.</summary>
    public long Requests { get; private set; }

    /// <summary>Of those, how many have none, or a wrong one.</summary>
    public long Lost { get; private set; }

    /// <summary>Results that are there twice, or should not be there.</summary>
    public long Doubled { get; private set; }

    /// <summary>Batches that ended because of a cancellation.</summary>
    public int Cancelled { get; private set; }

    /// <summary>Batches that ended because their window did.</summary>
    public int Expired { get; private set; }

    /// <summary>Batches of the lines of others.</summary>
    public int Retries { get; private set; }

    /// <summary>Looks at everything.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<BatchRecord> batches = await account.ListBatchesAsync(cancellationToken);
        Dictionary<OwnedId, StoredFile> files = await ListFilesAsync(cancellationToken);
        foreach (OwnedId lost in ledger.Batches.Except(batches.Select(batch => batch.Key))) Find($"Batch {lost} is gone.");
        foreach (BatchRecord batch in batches) await CheckBatchAsync(batch, files, cancellationToken);
        foreach (OwnedId job in ledger.Jobs.Keys) await CheckJobAsync(job, cancellationToken);
        await CheckFilesAsync(batches, files, cancellationToken);
        await CheckBlobsAsync(batches, cancellationToken);
        await CheckDeadLettersAsync(cancellationToken);
    }

    private async Task CheckBatchAsync(BatchRecord batch, Dictionary<OwnedId, StoredFile> files, CancellationToken cancellationToken)
    {
        if (!files.TryGetValue(new OwnedId(batch.Key.Owner, batch.InputFileId), out StoredFile? file)
            || !ledger.Files.TryGetValue(file.Name, out BatchInput? input))
        {
            Find($"Batch {batch.Key} has an input that nobody handed in: {batch.InputFileId}.");
            return;
        }
        Requests += input.Lines.Count;
        if (batch.IsRetry()) Retries++;
        IReadOnlyList<string> output = await ReadLinesAsync(batch, batch.OutputFileId, cancellationToken);
        IReadOnlyList<string> errors = await ReadLinesAsync(batch, batch.ErrorFileId, cancellationToken);
        ExpectedBatch expected = reference.Batches[input.Name];
        if (batch.Status == BatchStatus.Completed) CheckCompleted(batch, expected, output, errors);
        else if (batch.Status == BatchStatus.Cancelled) CheckStopped(batch, "batch_cancelled", input, expected, output, errors);
        else if (batch.Status == BatchStatus.Expired) CheckStopped(batch, "batch_expired", input, expected, output, errors);
        else Find($"Batch {batch.Key} ended as {batch.Status}: {string.Join(' ', batch.Errors)}");
        CheckSums(batch, output, errors);
    }

    private void CheckCompleted(BatchRecord batch, ExpectedBatch expected, IReadOnlyList<string> output, IReadOnlyList<string> errors)
    {
        Compare($"Batch {batch.Key}, output file", expected.Output, output);
        Compare($"Batch {batch.Key}, error file", expected.Errors, errors);
        if (batch.Usage != expected.Usage) Find($"Batch {batch.Key} used {batch.Usage}; the quiet run used {expected.Usage}.");
    }

    /// <summary>Every line has one result: that of the quiet run, or the error that it was cancelled, or its time was over.</summary>
    private void CheckStopped(BatchRecord batch, string code, BatchInput input, ExpectedBatch expected, IReadOnlyList<string> output, IReadOnlyList<string> errors)
    {
        if (batch.Status == BatchStatus.Cancelled) Cancelled++;
        else Expired++;
        // Cancelled before it was looked through: it has no lines yet.
        if (batch.Counts.Total == 0 && output.Count == 0 && errors.Count == 0) return;
        string[] stopped = [.. errors.Where(line => line.Contains($"\"{code}\"", StringComparison.Ordinal))];
        string[] failed = [.. errors.Except(stopped)];
        Doubled += output.Except(expected.Output).Count() + failed.Except(expected.Errors).Count();
        if (output.Except(expected.Output).Concat(failed.Except(expected.Errors)).FirstOrDefault() is { } wrong)
            Find($"Batch {batch.Key}, {batch.Status}, has a wrong line: {wrong}");
        if (!output.SequenceEqual(expected.Output.Where(output.ToHashSet().Contains)))
            Find($"Batch {batch.Key}, {batch.Status}: its output is not in the order of its input.");
        int results = output.Count + errors.Count;
        Lost += Math.Max(0, input.Lines.Count - results);
        Doubled += Math.Max(0, results - input.Lines.Count);
        if (results != input.Lines.Count) Find($"Batch {batch.Key}, {batch.Status}, has {results} results for {input.Lines.Count} lines.");
        IEnumerable<string> answered = output.Concat(stopped).Select(CustomId).OfType<string>();
        if (answered.GroupBy(id => id).FirstOrDefault(group => group.Count() > 1) is { } twice)
            Find($"Batch {batch.Key}, {batch.Status}, has two results for {twice.Key}.");
    }

    private void CheckSums(BatchRecord batch, IReadOnlyList<string> output, IReadOnlyList<string> errors)
    {
        if (batch.Counts.Completed != output.Count || batch.Counts.Failed != errors.Count || batch.Counts.Total != output.Count + errors.Count)
            Find($"Batch {batch.Key} counts {batch.Counts}; its files have {output.Count} and {errors.Count} lines.");
        long input = 0, generated = 0;
        foreach (string line in output)
        {
            JsonElement usage = JsonElement.Parse(line).GetProperty("response").GetProperty("body").GetProperty("usage");
            input += usage.GetProperty("prompt_tokens").GetInt64();
            generated += usage.GetProperty("completion_tokens").GetInt64();
        }
        if (batch.Usage != new BatchUsage(input, generated)) Find($"Batch {batch.Key} used {batch.Usage}; its answers add up to {input} and {generated}.");
    }

    private async Task CheckJobAsync(OwnedId key, CancellationToken cancellationToken)
    {
        Requests++;
        if ((await account.Jobs.TryReadAsync(key, cancellationToken))?.Result is not { } result)
        {
            Lost++;
            Find($"Job {key} has no result.");
        }
        else if (ResultText.OfJob(result) is var text && text != reference.Jobs[key] && !text.Contains("\"status\":\"cancelled\"", StringComparison.Ordinal))
        {
            Lost++;
            Find($"Job {key} has a wrong result: {text}; the quiet run: {reference.Jobs[key]}");
        }
    }

    /// <summary>Every file was handed in, or is a batch's.</summary>
    private async Task CheckFilesAsync(IReadOnlyList<BatchRecord> batches, Dictionary<OwnedId, StoredFile> files, CancellationToken cancellationToken)
    {
        HashSet<OwnedId> made =
            [.. batches.SelectMany(batch => new[] { batch.OutputFileId, batch.ErrorFileId }.OfType<string>().Select(id => new OwnedId(batch.Key.Owner, id)))];
        foreach (StoredFile file in files.Values)
        {
            if (!made.Contains(file.Key) && !ledger.Files.ContainsKey(file.Name)) Find($"File {file.Key} ({file.Name}, {file.Purpose}) is nobody's.");
        }
        HashSet<string> known = [.. files.Keys.Select(key => key.Path)];
        foreach (string blob in await account.ListBlobsAsync(StorageNames.Files, cancellationToken))
        {
            if (!known.Contains(blob)) Find($"Blob {StorageNames.Files}/{blob} is no file.");
        }
    }

    /// <summary>Of a batch that has ended only its record is left; of a job its request, state and result.</summary>
    private async Task CheckBlobsAsync(IReadOnlyList<BatchRecord> batches, CancellationToken cancellationToken)
    {
        HashSet<string> jobs = [.. ledger.Jobs.Keys.Select(key => $"{key}.json")];
        await CheckContainerAsync(
            StorageNames.Batches, [.. batches.Select(batch => $"{batch.Key}/batch.json"), .. await ListMarkersOfNothingAsync(cancellationToken)], cancellationToken);
        await CheckContainerAsync(StorageNames.Requests, jobs, cancellationToken);
        await CheckContainerAsync(StorageNames.Jobs, jobs, cancellationToken);
        await CheckContainerAsync(StorageNames.Completions, [.. jobs, .. garbage.Select(RejectedJobOf).OfType<OwnedId>().Select(key => $"{key}.json")], cancellationToken);
        await CheckContainerAsync(StorageNames.Models, await ListArchivesAsync(cancellationToken), cancellationToken);
        foreach (string container in (await account.ListContainersAsync(cancellationToken)).Except(StorageNames.Containers)) Find($"Container {container} is nobody's.");
    }

    /// <summary>The job that a message of nonsense was to be, where it says so: it has a failed result.</summary>
    private static OwnedId? RejectedJobOf(string? text)
    {
        try
        {
            JobMessage.Parse(text ?? "");
            return null;
        }
        catch (JobMessageException error)
        {
            return error.Job?.Key;
        }
    }

    /// <summary>What a maker that ended in the middle leaves, for ten minutes: see <see cref="Account.ListMarkersAsync"/>.</summary>
    private async Task<IEnumerable<string>> ListMarkersOfNothingAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> markers = await account.ListMarkersAsync(cancellationToken);
        return (await account.ListBlobsAsync(StorageNames.Batches, cancellationToken)).Where(blob => blob.StartsWith("_active/", StringComparison.Ordinal)).Except(markers);
    }

    /// <summary>What the processes compiled for each other: they are of one build, on one device.</summary>
    private async Task<HashSet<string>> ListArchivesAsync(CancellationToken cancellationToken) =>
        [.. (await account.ListBlobsAsync(StorageNames.Models, cancellationToken)).Where(blob => blob.StartsWith(PipelineStore.Prefix, StringComparison.Ordinal)).Take(1)];

    private async Task CheckContainerAsync(string container, HashSet<string> owned, CancellationToken cancellationToken)
    {
        foreach (string blob in await account.ListBlobsAsync(container, cancellationToken))
        {
            if (!owned.Contains(blob)) Find($"Blob {container}/{blob} is nobody's.");
        }
    }

    /// <summary>Only what was no message to begin with is a dead letter, and it says why.</summary>
    private async Task CheckDeadLettersAsync(CancellationToken cancellationToken)
    {
        foreach (string letter in await account.ListBlobsAsync(StorageNames.DeadLetters, cancellationToken))
        {
            JsonElement content = JsonElement.Parse(await account.ReadTextAsync(StorageNames.DeadLetters, letter, cancellationToken));
            if (!garbage.Contains(content.GetProperty("body").GetString())) Find($"Dead letter {letter} was a proper message: {content}");
            if (!content.TryGetProperty("reason", out JsonElement reason) || string.IsNullOrWhiteSpace(reason.GetString()))
                Find($"Dead letter {letter} gives no reason.");
        }
    }

    private void Compare(string what, IReadOnlyList<string> expected, IReadOnlyList<string> actual)
    {
        if (expected.SequenceEqual(actual)) return;
        Dictionary<string, int> balance = expected.GroupBy(line => line).ToDictionary(group => group.Key, group => group.Count());
        foreach (string line in actual) balance[line] = balance.GetValueOrDefault(line) - 1;
        int lost = balance.Values.Where(count => count > 0).Sum(), doubled = -balance.Values.Where(count => count < 0).Sum();
        Lost += lost;
        Doubled += doubled;
        Find($"{what}: {lost} lines lost, {doubled} too many"
            + (lost + doubled == 0 ? ", not in the input's order" : $"; the first: {balance.First(line => line.Value != 0).Key}"));
    }

    private static string? CustomId(string line) => JsonElement.Parse(line).GetProperty("custom_id").GetString();

    private async Task<IReadOnlyList<string>> ReadLinesAsync(BatchRecord batch, string? file, CancellationToken cancellationToken)
    {
        try
        {
            return [.. (await ResultText.ReadLinesAsync(account.Files, batch.Key.Owner, file, cancellationToken)).Select(ResultText.OfLine)];
        }
        catch (Exception error) when (error is FileNotFoundException or InvalidDataException)
        {
            Find($"Batch {batch.Key}: {error.Message}");
            return [];
        }
    }

    private async Task<Dictionary<OwnedId, StoredFile>> ListFilesAsync(CancellationToken cancellationToken)
    {
        var files = new Dictionary<OwnedId, StoredFile>();
        foreach (string? owner in account.Owners)
        {
            await foreach (StoredFile file in account.Files.ListAsync(owner, cancellationToken)) files.Add(file.Key, file);
        }
        return files;
    }

    private void Find(string finding) => _findings.Add(finding);
}
