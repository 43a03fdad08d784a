namespace Gemma2.Clients.Tests.Dotnet;

/// <summary>A client for .NET.</summary>
internal abstract class DotnetClient(string name, string package, string api) : Client(name, package, api)
{
    private const int PiecesBeforeLeaving = 5;

    public override string Version => VersionFromNuGet(Package);

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public override async Task<Dictionary<string, string?>> TryAsync(Service service)
    {
        var results = new Dictionary<string, string?>();
        foreach ((string feature, Func<Service, Task> run) in new (string, Func<Service, Task>)[]
        {
            (Feature.Chat, ChatAsync), (Feature.TypedAnswer, TypedAnswerAsync), (Feature.ToolCall, ToolCallAsync), (Feature.Stream, StreamAsync), (Feature.Abort, AbortAsync),
        })
        {
            try
            {
                await run(service);
                results[feature] = null;
            }
            catch (Exception error)
            {
                results[feature] = error.ToString();
            }
        }
        return results;
    }

    protected abstract Task ChatAsync(Service service);

    protected abstract Task TypedAnswerAsync(Service service);

    protected abstract Task ToolCallAsync(Service service);

    protected abstract Task StreamAsync(Service service);

    protected abstract Task AbortAsync(Service service);

    /// <summary>The answer says something, and its prompt is the one that every client's question becomes.</summary>
    protected static void AssertAnswer(Service service, string answer, long? promptTokens)
    {
        Assert.NotEqual("", answer.Trim());
        Assert.Equal(service.PromptTokens, promptTokens);
    }

    /// <summary>Reads a few pieces of an endless stream, then leaves.</summary>
    protected static async Task LeaveAsync<T>(Func<CancellationToken, IAsyncEnumerable<T>> stream)
    {
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        int read = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (T _ in stream(leaving.Token))
                if (++read == PiecesBeforeLeaving)
                    await leaving.CancelAsync();
        });
        Assert.InRange(read, PiecesBeforeLeaving, Questions.EndlessTokens / 2);
    }
}
