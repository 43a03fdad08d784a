using System.CommandLine;
using System.Text.Json;
using Gemma2.Backend.Text;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 submit</c>: a job for the service, through the queue.</summary>
internal static class SubmitCommand
{
    private const int DefaultTimeoutSeconds = 600;
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<string?> model = Values.Text("--model", "The model that is to answer.", "NAME");
        Option<string?> prompt = Values.Text("--prompt", "Go on from this text.");
        Option<string?> chat = Values.Text("--chat", "Answer this message.");
        Option<string?> id = Values.Text("--id", "The job's id (without it: a new one). The same id twice is one job with one result.", "ID");
        Option<bool> wait = new("--wait") { Description = "Wait for the result and print the answer." };
        Option<int?> timeout = Values.Number<int>("--timeout", $"Wait at most N seconds (without it: {DefaultTimeoutSeconds}).", "1 or more", n => n >= 1);
        Option<bool> json = Shared.Json();
        var sampling = new SamplingArguments("the service's default", "1");
        model.Required = true;

        var command = new Command("submit", "Queue a completion job; its result will be the blob completions/ID.json.") { model, prompt, chat };
        sampling.AddTo(command);
        foreach (Option option in (Option[])[id, wait, timeout, json]) command.Add(option);
        command.RequireOneOf(prompt, chat);
        command.SetAction((parse, cancellationToken) =>
        {
            var request = new CompletionBody(
                parse.GetValue(model)!,
                parse.GetValue(prompt),
                parse.GetValue(chat) is { } message ? [new ChatMessage("user", message)] : null,
                parse.GetValue(sampling.MaxTokens),
                parse.GetValue(sampling.Temperature),
                parse.GetValue(sampling.TopK),
                parse.GetValue(sampling.TopP),
                parse.GetValue(sampling.Seed));
            TimeSpan? patience = parse.GetValue(wait) ? TimeSpan.FromSeconds(parse.GetValue(timeout) ?? DefaultTimeoutSeconds) : null;
            return RunAsync(parse.GetValue(id) ?? JobId.New(), request, patience, parse.GetValue(json), cancellationToken);
        });
        return command;
    }

    private static async Task RunAsync(string id, CompletionBody request, TimeSpan? patience, bool json, CancellationToken cancellationToken)
    {
        OwnedId key = new OwnedId(null, id).Validated();
        var job = new CompletionJob(key, request.Model, JsonSerializer.SerializeToElement(request, CliJson.Lines.CompletionBody));
        StorageConnection connection = StorageConnection.FromEnvironment();
        await StorageProvisioning.EnsureCreatedAsync(connection, cancellationToken);
        await new JobStore(connection).SubmitAsync(job, cancellationToken);
        if (!json) Console.WriteLine(id);

        JobResult? result = patience is { } time ? await WaitAsync(new ResultStore(connection), key, time, cancellationToken) : null;
        if (json) StandardOutput.WriteJson(new JobReport(id, result?.Document), CliJson.Document.JobReport);
        if (result is null) return;
        string answer = result.Answer();
        if (!json) Console.WriteLine(answer);
    }

    private static async Task<JobResult> WaitAsync(ResultStore results, OwnedId key, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        try
        {
            while (true)
            {
                if (await results.TryReadAsync(key, limit.Token) is { } json) return JobResult.Parse(key.Id, json);
                await Task.Delay(PollInterval, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new JobException($"Job {key} has no result after {patience.TotalSeconds} s; it stays queued, and its result will be the blob completions/{key.Path}.json.");
        }
    }
}

/// <summary>What <c>gemma2 submit --json</c> prints.</summary>
/// <param name="Id">The job's id.</param>
/// <param name="Result">The result blob; null without <c>--wait</c>.</param>
internal sealed record JobReport(string Id, JsonElement? Result);
