using System.Diagnostics;
using System.Text.Json;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Jobs;

/// <summary>A real process is killed in the middle of a job; another finishes it as if nothing had been.</summary>
public sealed class JobKillTests(PublishedApp published, AzuriteFixture azurite)
{
    private const string Story = """{"model":"nano","messages":[{"role":"user","content":"Tell me a story."}],"temperature":1.2,"max_tokens":400}""";

    private static readonly OwnedId Job = new("team", "story");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Kill_InTheMiddleOfAJob_AnotherProcessGivesTheSameAnswer()
    {
        Machine.NeedsDevice();
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.Jobs.SubmitAsync(new CompletionJob(Job, "nano", JsonElement.Parse(Story)), Cancel);
        using (Process first = Start(account))
        {
            await WaitAsync(account, job => job.Status == JobStatus.Running);
            first.Kill();
            await first.WaitForExitAsync(Cancel);
        }
        Assert.Equal(JobStatus.Running, (await account.Jobs.TryReadAsync(Job, Cancel))!.Status);

        JobSnapshot taken = await FinishAsync(account);

        StorageAccount quiet = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await quiet.Jobs.SubmitAsync(new CompletionJob(Job, "nano", JsonElement.Parse(Story)), Cancel);
        JobSnapshot undisturbed = await FinishAsync(quiet);
        Assert.Equal((2, 1), (taken.Attempts, undisturbed.Attempts));
        Assert.Equal(Answer(undisturbed), Answer(taken));
    }

    private async Task<JobSnapshot> FinishAsync(StorageAccount account)
    {
        using Process process = Start(account);
        try
        {
            return await WaitAsync(account, job => job.HasEnded);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(Cancel);
        }
    }

    private Process Start(StorageAccount account)
    {
        Process process = published.Start(new()
        {
            ["Gemma2__Model"] = Path.Combine(Repository.Root, "samples/nano"),
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["Gemma2__QueueLeaseSeconds"] = "5",
            ["AzureWebJobsStorage"] = account.ConnectionString,
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        });
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static async Task<JobSnapshot> WaitAsync(StorageAccount account, Func<JobSnapshot, bool> until)
    {
        while (true)
        {
            JobSnapshot job = (await account.Jobs.TryReadAsync(Job, Cancel))!;
            if (until(job))
                return job;
            await Task.Delay(10, Cancel);
        }
    }

    /// <summary>The answer as it is in storage, but for the time when the job was submitted.</summary>
    private static string Answer(JobSnapshot job)
    {
        Assert.Equal(JobStatus.Succeeded, job.Status);
        JsonElement response = JsonElement.Parse(job.Result!.Value.Span).GetProperty("response");
        return string.Join('\n', response.EnumerateObject().Where(field => field.Name != "created").Select(field => $"{field.Name}: {field.Value.GetRawText()}"));
    }
}
