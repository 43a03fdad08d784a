using System.CommandLine;
using System.Text.Json;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary><c>gemma2 submit</c>: a job for the service, through the queue.</summary>
internal static class SubmitCommand
{
    private const int DefaultTimeoutSeconds = 600;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var request = new RequestArguments();
        Option<string?> id = Values.Word(
            "--id", "The job's id (without it: a new one). The same id twice is one job with one result.", "ID", JobId.Allowed, JobId.IsValid);
        Option<Uri?> callback = Values.Address(
            "--callback", "Where the service posts the job when it has ended; it must allow the host.", JobMessage.MaxCallbackUrlLength);
        Option<bool> wait = new("--wait") { Description = "Wait for the result and print the answer alone. Ctrl+C stops the wait, not the job." };
        Option<int?> timeout = Values.Number<int>("--timeout", $"Wait at most N seconds (without it: {DefaultTimeoutSeconds}).", "1 or more", n => n >= 1);
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();

        var command = new Command("submit", "Queue a completion job; its result will be the blob completions/ID.json.");
        request.AddTo(command);
        foreach (Option option in (Option[])[id, callback, wait, timeout, owner, json]) command.Add(option);
        command.SetAction(async (parse, cancellationToken) =>
        {
            (string? model, JsonElement body) = await request.ReadAsync(parse, cancellationToken);
            var job = new CompletionJob(new OwnedId(parse.GetValue(owner), parse.GetValue(id) ?? JobId.New()), model, body, parse.GetValue(callback));
            TimeSpan? patience = parse.GetValue(wait) ? TimeSpan.FromSeconds(parse.GetValue(timeout) ?? DefaultTimeoutSeconds) : null;
            await RunAsync(job, patience, parse.GetValue(json), cancellationToken);
        });
        return command;
    }

    private static async Task RunAsync(CompletionJob job, TimeSpan? patience, bool json, CancellationToken cancellationToken)
    {
        StorageConnection connection = StorageConnection.FromEnvironment();
        await StorageProvisioning.EnsureCreatedAsync(connection, cancellationToken);
        var jobs = new JobStore(connection);
        await SubmitAsync(jobs, job, cancellationToken);
        // Whoever waits gets the answer alone.
        if (!json && patience is null) Console.WriteLine(job.Key.Id);

        JobSnapshot now = patience is { } time
            ? await JobWatch.ToEndAsync(jobs, job.Key, time, cancellationToken)
            : await JobWatch.LookAsync(jobs, job.Key, cancellationToken);
        if (json) StandardOutput.WriteJson(JobReport.Of(now), CliJson.Document.JobReport);
        if (patience is null) return;
        string answer = JobText.AnswerOf(now);
        if (!json) Console.WriteLine(answer);
    }

    private static async Task SubmitAsync(JobStore jobs, CompletionJob job, CancellationToken cancellationToken)
    {
        try
        {
            await jobs.SubmitAsync(job, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException($"interrupted; job {job.Key.Id} may be queued already, look for it with: gemma2 jobs show {job.Key.ForCommandLine()}");
        }
    }
}
