using System.Text.Json;
using OpenAI.Chat;

namespace Gemma2.Clients.Tests.Dotnet;

/// <summary>OpenAI's own client, and Azure's, which is made of it.</summary>
/// <param name="create">Makes it.</param>
internal sealed class OpenAIChatClient(string name, string package, string api, Func<Service, ChatClient> create) : DotnetClient(name, package, api)
{
    private static readonly ChatTool GetWeather =
        ChatTool.CreateFunctionTool(Questions.ToolName, Questions.ToolDescription, BinaryData.FromString(Questions.ToolSchema), functionSchemaIsStrict: true);

    protected override async Task ChatAsync(Service service)
    {
        ChatCompletion answer = await create(service).CompleteChatAsync(Ask(Questions.Question), Options(), Cancellation);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
        AssertAnswer(service, answer.Content[0].Text, answer.Usage.InputTokenCount);
    }

    protected override async Task TypedAnswerAsync(Service service)
    {
        ChatCompletionOptions options = Options();
        options.ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("person", BinaryData.FromString(Questions.PersonSchema), jsonSchemaIsStrict: true);
        ChatCompletion answer = await create(service).CompleteChatAsync(Ask(Questions.Text), options, Cancellation);
        Assert.InRange(JsonSerializer.Deserialize<Person>(answer.Content[0].Text)!.Age, 0, 150);
    }

    protected override async Task ToolCallAsync(Service service)
    {
        ChatCompletionOptions options = Options();
        options.Tools.Add(GetWeather);
        options.AllowParallelToolCalls = false;
        options.ToolChoice = ChatToolChoice.CreateRequiredChoice();
        List<ChatMessage> messages = Ask(Questions.Weather);
        ChatCompletion asked = await create(service).CompleteChatAsync(messages, options, Cancellation);
        Assert.Equal(ChatFinishReason.ToolCalls, asked.FinishReason);
        ChatToolCall call = Assert.Single(asked.ToolCalls);
        Assert.Equal(Questions.ToolName, call.FunctionName);
        messages.AddRange([new AssistantChatMessage(asked), new ToolChatMessage(call.Id, "sunny")]);
        options.ToolChoice = ChatToolChoice.CreateNoneChoice();
        ChatCompletion told = await create(service).CompleteChatAsync(messages, options, Cancellation);
        Assert.Empty(told.ToolCalls);
    }

    protected override async Task StreamAsync(Service service)
    {
        string answer = "";
        int? promptTokens = null;
        await foreach (StreamingChatCompletionUpdate update in create(service).CompleteChatStreamingAsync(Ask(Questions.Question), Options(), Cancellation))
        {
            answer += string.Concat(update.ContentUpdate.Select(part => part.Text));
            promptTokens = update.Usage?.InputTokenCount ?? promptTokens;
        }
        AssertAnswer(service, answer, promptTokens);
    }

    protected override Task AbortAsync(Service service) =>
        LeaveAsync(leaving => create(service).CompleteChatStreamingAsync(Ask(Questions.Endless), Options(Questions.EndlessTokens), leaving));

    private static List<ChatMessage> Ask(string user) => [new SystemChatMessage(Questions.System), new UserChatMessage(user)];

    private static ChatCompletionOptions Options(int maxTokens = Questions.MaxTokens) => new() { Temperature = 0, MaxOutputTokenCount = maxTokens };
}
