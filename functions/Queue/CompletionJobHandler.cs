using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Backend;
using Gemma2.Backend.Serving;
using Gemma2.Functions.Completions;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Http;
using Gemma2.Functions.Model;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Queue;

/// <summary>
/// Works on one message: generates what it asks for and stores the result once. It does not know who delivers messages. What returns is done; what
/// throws is to be tried again. A request that can never succeed is done at once: its result says why it failed.
/// </summary>
internal sealed class CompletionJobHandler(
    ModelHost model, CompletionQueue queue, ResultStore results, Gemma2Options options, ILogger<CompletionJobHandler> log) : IQueueHandler
{
    /// <inheritdoc/>
    public string FunctionName => "CompletionRequest";

    /// <inheritdoc/>
    public JobQueue Queue => queue.Messages;

    /// <inheritdoc/>
    public int Concurrency => options.MaxSequences;

    /// <summary>Handles one delivery.</summary>
    /// <exception cref="JobMessageException">The message is no job: after its tries it belongs to the poison queue.</exception>
    /// <exception cref="Gemma2Exception">The job may succeed when it is tried again.</exception>
    public async Task<QueueOutcome> HandleAsync(QueueDelivery delivery, CancellationToken cancellationToken)
    {
        var result = new JobResult(JobMessage.Parse(delivery.Text).Key, delivery.InsertedOn);
        if (await results.TryReadAsync(result.Key, cancellationToken) is not null)
        {
            log.LogInformation("Job {Job}: has its result already", result.Key);
            return QueueOutcome.Done;
        }
        try
        {
            await RunAsync(result, delivery, cancellationToken);
            return QueueOutcome.Done;
        }
        catch (Exception error) when (error is not OperationCanceledException && delivery.DequeueCount >= queue.Messages.MaxDequeueCount)
        {
            // The last try: the message goes to the poison queue, and who waits for the result is told.
            await StoreAsync(result, result.Failed(ApiError.FromException(error)), cancellationToken);
            throw;
        }
    }

    private async Task RunAsync(JobResult result, QueueDelivery delivery, CancellationToken cancellationToken)
    {
        CompletionJob job = await queue.ReadJobAsync(delivery.Text, cancellationToken);
        IInferenceEngine engine = await model.WaitForEngineAsync(cancellationToken);
        ReadOnlyMemory<byte> json;
        try
        {
            json = await GenerateAsync(result, job, engine, cancellationToken);
        }
        catch (Gemma2Exception error) when (IsFinal(error))
        {
            json = result.Failed(ApiError.FromException(error));
        }
        await StoreAsync(result, json, cancellationToken);
    }

    private static async Task<ReadOnlyMemory<byte>> GenerateAsync(
        JobResult result, CompletionJob job, IInferenceEngine engine, CancellationToken cancellationToken)
    {
        bool namesModel = job.Model is not null || job.Request.TryGetProperty("model", out _);
        CompletionRequest request = CompletionRequestParser.ParseJob(job.Request, namesModel ? job.Model : engine.ModelName);
        result.Model = request.Model;
        result.Seed = request.Seed ?? SeedOf(job.Key.Id);
        var completion = new Completion(engine, request, job.Key.Id, result.Created, result.Seed.Value);
        CompletionResult answer = await completion.RunAsync(cancellationToken);
        return result.Succeeded(completion, answer);
    }

    /// <summary>True where another try would fail in the same way: the request is wrong, or its own computation fails.</summary>
    private static bool IsFinal(Gemma2Exception error) => error is ApiException or InvalidRequestException or GenerationException;

    private async Task StoreAsync(JobResult result, ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        WriteOutcome outcome = await results.WriteOnceAsync(result.Key, json, cancellationToken);
        log.LogInformation("Job {Job}: {Status}, result {Outcome}", result.Key, result.Status, outcome);
    }

    /// <summary>A job without a seed gets one from its id, so that every delivery gives the same answer. It is exact in JSON numbers everywhere.</summary>
    private static long SeedOf(string id) =>
        BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id))) & ((1L << 53) - 1);
}
