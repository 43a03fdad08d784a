using Gemma2.Service.Api;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>The errors of jobs that are not their request's.</summary>
internal static class JobErrors
{
    private const string ServerError = "server_error";

    public static ApiError Conflict(JobConflictException conflict) => new(409, conflict.Message, "invalid_request_error", "id", "job_conflict");

    public static ApiError WorkersDied(int times) =>
        new(500, $"The job was given up: its worker ended {times} times while it worked on it.", ServerError, null, "worker_died");

    public static ApiError TriedTooOften(int retries, Exception last) =>
        new(500, $"The job was given up after {retries} retries: {ApiError.FromException(last).Message}", ServerError, null, "retries_exhausted");

    public static ApiError NotDelivered(int retries) =>
        new(500, $"The job was given up: its message reached no worker in {retries} retries.", ServerError, null, "not_delivered");
}
