using System.Text.Json;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using ChatTokenUsage = OpenAI.Chat.ChatTokenUsage;

namespace Gemma2.Clients.Tests.Dotnet;

/// <summary>Semantic Kernel with its connector for OpenAI.</summary>
internal sealed class SemanticKernelClient() : DotnetClient("Semantic Kernel", "Microsoft.SemanticKernel.Connectors.OpenAI", "chat completions")
{
    protected override async Task ChatAsync(Service service)
    {
        ChatMessageContent answer = await Completions(service).GetChatMessageContentAsync(Ask(Questions.Question), Settings(), cancellationToken: Cancellation);
        AssertAnswer(service, answer.Content!, ((ChatTokenUsage)answer.Metadata!["Usage"]!).InputTokenCount);
    }

    protected override async Task TypedAnswerAsync(Service service)
    {
        OpenAIPromptExecutionSettings settings = Settings();
        settings.ResponseFormat = typeof(Person);
        ChatMessageContent answer = await Completions(service).GetChatMessageContentAsync(Ask(Questions.Text), settings, cancellationToken: Cancellation);
        Assert.NotNull(JsonSerializer.Deserialize<Person>(answer.Content!));
    }

    protected override async Task ToolCallAsync(Service service)
    {
        var called = new List<string>();
        var city = new KernelParameterMetadata("city") { IsRequired = true, Schema = KernelJsonSchema.Parse("""{"enum":["Paris","Rome"]}""") };
        var kernel = new Kernel();
        kernel.Plugins.AddFromFunctions(
            "weather", [KernelFunctionFactory.CreateFromMethod((string city) => { called.Add(city); return "sunny"; }, Questions.ToolName, Questions.ToolDescription, [city])]);
        OpenAIPromptExecutionSettings settings = Settings();
        settings.FunctionChoiceBehavior = FunctionChoiceBehavior.Required(options: new() { AllowParallelCalls = false, AllowStrictSchemaAdherence = true });
        ChatMessageContent answer = await Completions(service).GetChatMessageContentAsync(Ask(Questions.Weather), settings, kernel, Cancellation);
        Assert.Single(called);
        Assert.NotEqual("", answer.Content);
    }

    protected override async Task StreamAsync(Service service)
    {
        string answer = "";
        int? promptTokens = null;
        await foreach (StreamingChatMessageContent piece in Completions(service).GetStreamingChatMessageContentsAsync(Ask(Questions.Question), Settings(), cancellationToken: Cancellation))
        {
            answer += piece.Content;
            promptTokens = (piece.Metadata?.GetValueOrDefault("Usage") as ChatTokenUsage)?.InputTokenCount ?? promptTokens;
        }
        AssertAnswer(service, answer, promptTokens);
    }

    protected override Task AbortAsync(Service service) => LeaveAsync(leaving =>
        Completions(service).GetStreamingChatMessageContentsAsync(Ask(Questions.Endless), Settings(Questions.EndlessTokens), cancellationToken: leaving));

    private static OpenAIChatCompletionService Completions(Service service) => new(Service.Model, service.OpenAI());

    private static ChatHistory Ask(string user)
    {
        var history = new ChatHistory(Questions.System);
        history.AddUserMessage(user);
        return history;
    }

    private static OpenAIPromptExecutionSettings Settings(int maxTokens = Questions.MaxTokens) => new() { Temperature = 0, MaxTokens = maxTokens };
}
