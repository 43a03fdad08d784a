using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Service.Model;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>Generates what a job asks for and stores the result once.</summary>
internal sealed class JobRunner(ModelHost model, CompletionFactory factory, JobWork work, RunningJobs running, ILogger<JobRunner> log)
{
    // A worker that gives up is often about to end: it does not wait long to say so.
    private static readonly TimeSpan GiveBackTime = TimeSpan.FromSeconds(3);

    /// <summary>Runs a job to its result. When it returns the job has one, from here or from elsewhere.</summary>
    /// <exception cref="Gemma2Exception">What is no fault of the job (<see cref="RetryBackoff.IsInfrastructure"/>): it may succeed later.</exception>
    public async Task RunAsync(JobMessage message, QueueDelivery delivery, CancellationToken cancellationToken)
    {
        CompletionJob job;
        try
        {
            job = await work.ReadJobAsync(message, cancellationToken);
        }
        catch (JobMessageException error)
        {
            await FailAsync(message, ApiError.FromException(error), cancellationToken);
            return;
        }
        using EngineLease lease = await model.TakeAsync(cancellationToken);
        JobAttempt attempt = await work.BeginAsync(job, delivery.InsertedOn, cancellationToken);
        try
        {
            // A message that comes for the first time may be a copy beside others that are being worked on: they are no deaths.
            if (delivery.DequeueCount > 1 && attempt.State.OpenAttempts > work.Messages.MaxDequeueCount)
                await FailAsync(job, Result(attempt), JobErrors.WorkersDied(attempt.State.OpenAttempts - 1), cancellationToken);
            else
                await RunAsync(job, attempt, lease.Engine, cancellationToken);
        }
        catch (Exception error) when (RetryBackoff.IsInfrastructure(error))
        {
            await GiveBackAsync(attempt);
            throw;
        }
    }

    /// <summary>Gives a message's job a failed result, unless it has one.</summary>
    public async Task FailAsync(JobMessage message, ApiError error, CancellationToken cancellationToken)
    {
        if (message.Job is not null)
            await work.KeepRequestAsync(message.Job, cancellationToken);
        JobState? state = await work.TryReadStateAsync(message.Key, cancellationToken);
        var result = new JobResult { Key = message.Key, Created = state?.CreatedAt, Started = state?.StartedAt, Finished = work.UtcNow, Model = state?.Model };
        await StoreAsync(message.Key, JobStatus.Failed, result.Failed(error), cancellationToken);
    }

    private async Task RunAsync(CompletionJob job, JobAttempt attempt, IInferenceEngine engine, CancellationToken cancellationToken)
    {
        JobResult result = Result(attempt);
        await using RunningJob watched = running.Begin(job.Key, cancellationToken);
        try
        {
            CompletionRequest request = Parse(job, engine);
            result = result with { Model = request.Model, Seed = request.Seed ?? SeedOf(job.Key.Id) };
            Completion completion = await factory.CreateAsync(
                engine, request, job.Key.Id, attempt.State.CreatedAt, result.Seed.Value, RequestClass.Batch, watched.Ended);
            CompletionResult answer = await completion.RunAsync(watched.Ended);
            await StoreAsync(job.Key, JobStatus.Succeeded, (result with { Finished = work.UtcNow }).Succeeded(completion, answer), cancellationToken);
        }
        catch (OperationCanceledException) when (watched.HasResult && !cancellationToken.IsCancellationRequested)
        {
            log.LogInformation("Job {Job}: has got a result from elsewhere", job.Key);
        }
        catch (Gemma2Exception error) when (IsFinal(error))
        {
            await FailAsync(job, result, ApiError.FromException(error), cancellationToken);
        }
    }

    /// <summary>The request is kept beside the failed result, so that the job can be queued anew.</summary>
    private async Task FailAsync(CompletionJob job, JobResult result, ApiError error, CancellationToken cancellationToken)
    {
        await work.KeepRequestAsync(job, cancellationToken);
        await StoreAsync(job.Key, JobStatus.Failed, (result with { Finished = work.UtcNow }).Failed(error), cancellationToken);
    }

    private static CompletionRequest Parse(CompletionJob job, IInferenceEngine engine)
    {
        bool namesModel = job.Model is not null || job.Request.TryGetProperty("model", out _);
        return CompletionRequestParser.ParseJob(job.Request, namesModel ? job.Model : engine.ModelName);
    }

    /// <summary>True where another try would fail in the same way: the request is wrong, or its own computation fails.</summary>
    private static bool IsFinal(Gemma2Exception error) => error is ApiException or InvalidRequestException or GenerationException;

    private JobResult Result(JobAttempt attempt) => new()
    {
        Key = attempt.Key,
        Created = attempt.State.CreatedAt,
        Started = attempt.State.StartedAt,
        Finished = work.UtcNow,
        Model = attempt.State.Model,
    };

    private async Task StoreAsync(OwnedId key, JobStatus status, ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        WriteOutcome outcome = await work.Results.WriteOnceAsync(key, status, json, cancellationToken);
        log.LogInformation("Job {Job}: {Status}, result {Outcome}", key, JobStatusNames.Of(status), outcome);
        await work.NoteEndAsync(key, cancellationToken);
    }

    private async Task GiveBackAsync(JobAttempt attempt)
    {
        using var time = new CancellationTokenSource(GiveBackTime);
        try
        {
            await work.GiveBackAsync(attempt, time.Token);
        }
        catch (Exception error) when (error is StorageException or OperationCanceledException)
        {
            // It then counts as a try, as if this worker had died.
            log.LogWarning("Job {Job}: an attempt that counts for nothing could not be noted: {Message}", attempt.Key, error.Message);
        }
    }

    /// <summary>A job without a seed gets one from its id, so that every delivery gives the same answer. It is exact in JSON numbers everywhere.</summary>
    private static long SeedOf(string id) =>
        BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id))) & ((1L << 53) - 1);
}
