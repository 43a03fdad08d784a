using Microsoft.Extensions.AI;

namespace Gemma2.Clients.Tests.Dotnet;

/// <summary>Microsoft.Extensions.AI, on the client of any vendor.</summary>
/// <param name="create">Makes the vendor's client.</param>
/// <param name="raw">The vendor's own options for an answer of so many tokens, where there are some that the common ones do not reach.</param>
internal sealed class ExtensionsClient(string name, string package, string api, Func<Service, IChatClient> create, Func<int, object>? raw = null) : DotnetClient(name, package, api)
{
    protected override async Task ChatAsync(Service service)
    {
        using IChatClient client = create(service);
        ChatResponse answer = await client.GetResponseAsync(Ask(Questions.Question), Options(), Cancellation);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
        AssertAnswer(service, answer.Text, answer.Usage!.InputTokenCount);
    }

    protected override async Task TypedAnswerAsync(Service service)
    {
        using IChatClient client = create(service);
        ChatResponse<Person> answer = await client.GetResponseAsync<Person>(Ask(Questions.Text), Options(), cancellationToken: Cancellation);
        Assert.Equal(new Person("Anna", 31), answer.Result);
    }

    protected override async Task ToolCallAsync(Service service)
    {
        var called = new List<City>();
        using IChatClient client = new ChatClientBuilder(create(service)).UseFunctionInvocation().Build();
        ChatOptions options = Options();
        options.Tools = [AIFunctionFactory.Create((City city) => { called.Add(city); return "sunny"; }, Questions.ToolName, Questions.ToolDescription)];
        options.ToolMode = ChatToolMode.RequireAny;
        options.AllowMultipleToolCalls = false;
        ChatResponse answer = await client.GetResponseAsync(Ask(Questions.Weather), options, Cancellation);
        Assert.Single(called);
        Assert.Equal([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], answer.Messages.Select(message => message.Role));
    }

    protected override async Task StreamAsync(Service service)
    {
        using IChatClient client = create(service);
        ChatResponse answer = await client.GetStreamingResponseAsync(Ask(Questions.Question), Options(), Cancellation).ToChatResponseAsync(Cancellation);
        AssertAnswer(service, answer.Text, answer.Usage!.InputTokenCount);
    }

    protected override async Task AbortAsync(Service service)
    {
        using IChatClient client = create(service);
        await LeaveAsync(leaving => client.GetStreamingResponseAsync(Ask(Questions.Endless), Options(Questions.EndlessTokens), leaving));
    }

    private static ChatMessage[] Ask(string user) => [new(ChatRole.System, Questions.System), new(ChatRole.User, user)];

    private ChatOptions Options(int maxTokens = Questions.MaxTokens) =>
        new() { Temperature = 0, MaxOutputTokens = maxTokens, RawRepresentationFactory = raw is null ? null : _ => raw(maxTokens) };
}
