using System.Security.Cryptography;
using System.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Queue;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>
/// Tells who waits for a job that it has ended, at least once: the job's message lives until that is done, or was tried too often, whoever receives it.
/// </summary>
internal sealed class JobCallbacks(JobStore jobs, JobWork work, CallbackRules rules, CallbackSender sender, ILogger<JobCallbacks> log)
{
    private const string Delivered = "delivered";

    /// <summary>Posts an ended job to its callback address, where it has one and that was not done before.</summary>
    public async Task<QueueOutcome> NotifyAsync(JobMessage message, CancellationToken cancellationToken)
    {
        JobState? state = await work.TryReadStateAsync(message.Key, cancellationToken);
        if ((state?.CallbackUrl ?? message.Job?.CallbackUrl) is not { } url || state?.CallbackOutcome is not null)
            return QueueOutcome.Done;
        // Without a result it was queued anew at this moment: another message tells of its end.
        if (await jobs.TryReadAsync(message.Key, cancellationToken) is not { HasEnded: true } job)
            return QueueOutcome.Done;
        state ??= new JobState { Model = job.Model, CreatedAt = job.CreatedAt, CallbackUrl = url };
        string? outcome = await TryAsync(url, job, state.CallbackTries + 1, cancellationToken);
        await work.NoteCallbackAsync(message.Key, state, outcome, cancellationToken);
        return outcome is null ? new QueueOutcome.Replaced(message.ToJson(), RetryBackoff.After(state.CallbackTries)) : QueueOutcome.Done;
    }

    /// <summary>What is the end of it: that it was delivered, or why it was given up; null where it is to be tried again.</summary>
    private async Task<string?> TryAsync(Uri url, JobSnapshot job, int number, CancellationToken cancellationToken)
    {
        if (rules.WhyRefused(url) is { } refused)
            return refused;
        if (await sender.SendAsync(url, MessageId(job), JsonBody.ToUtf8(json => JobJson.Write(json, job)), cancellationToken) is not { } failure)
            return Delivered;
        log.LogWarning("Job {Job}: callback to {Host}, try {Try} of {Tries}: {Failure}", job.Key, url.IdnHost, number, CallbackRules.MaxTries, failure);
        return number < CallbackRules.MaxTries ? null : failure;
    }

    /// <summary>The same for every try to tell of one end of a job, so that the receiver can tell copies.</summary>
    private static string MessageId(JobSnapshot job) =>
        "msg_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{job.Key} {job.FinishedAt:O}")).AsSpan(0, 16));
}
