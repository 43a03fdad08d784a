using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;

namespace Gemma2.Clients.Tests.Dotnet;

/// <summary>Anthropic's own client. It checks what it reads against the API's schema.</summary>
internal sealed class AnthropicDotnetClient() : DotnetClient("Anthropic .NET", "Anthropic", "messages")
{
    // The client's newest versions have no temperature, as Anthropic's newest models do not: others do, and the test's answers are to be the same each time.
    private static readonly Dictionary<string, JsonElement> Greedy = new() { ["temperature"] = JsonElement.Parse("0") };

    /// <summary>A request without messages.</summary>
    public static MessageCreateParams Request(int maxTokens) =>
        MessageCreateParams.FromRawUnchecked(new Dictionary<string, JsonElement>(), new Dictionary<string, JsonElement>(), Greedy) with { Model = Service.Model, MaxTokens = maxTokens, Messages = [] };

    protected override async Task ChatAsync(Service service)
    {
        Message answer = await service.Anthropic().Messages.Create(Ask(Questions.Question), Cancellation);
        Assert.Equal(StopReason.EndTurn, answer.StopReason!.Value());
        AssertAnswer(service, TextOf(answer), answer.Usage.InputTokens + answer.Usage.CacheReadInputTokens);
    }

    protected override async Task TypedAnswerAsync(Service service)
    {
        var schema = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(Questions.PersonSchema)!;
        Message answer = await service.Anthropic().Messages.Create(Ask(Questions.Text) with { OutputConfig = new OutputConfig { Format = new JsonOutputFormat { Schema = schema } } }, Cancellation);
        Assert.InRange(JsonSerializer.Deserialize<Person>(TextOf(answer))!.Age, 0, 150);
    }

    protected override async Task ToolCallAsync(Service service)
    {
        MessageCreateParams request = Ask(Questions.Weather) with
        {
            Tools = [new Tool { Name = Questions.ToolName, Description = Questions.ToolDescription, InputSchema = InputSchema.FromRawUnchecked(JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(Questions.ToolSchema)!) }],
        };
        Message asked = await service.Anthropic().Messages.Create(request with { ToolChoice = new ToolChoiceAny { DisableParallelToolUse = true } }, Cancellation);
        Assert.Equal(StopReason.ToolUse, asked.StopReason!.Value());
        Assert.True(Assert.Single(asked.Content).TryPickToolUse(out ToolUseBlock? call));
        Assert.Equal(Questions.ToolName, call.Name);
        Message told = await service.Anthropic().Messages.Create(
            request with
            {
                ToolChoice = new ToolChoiceNone(),
                Messages =
                [
                    .. request.Messages,
                    new AssistantMessageParam(new List<ContentBlockParam> { new ToolUseBlockParam { ID = call.ID, Name = call.Name, Input = call.Input } }),
                    new UserMessageParam(new List<ContentBlockParam> { new ToolResultBlockParam { ToolUseID = call.ID, Content = "sunny" } }),
                ],
            },
            Cancellation);
        Assert.NotEqual("", TextOf(told));
    }

    protected override async Task StreamAsync(Service service)
    {
        string answer = "";
        long? promptTokens = null;
        await foreach (RawMessageStreamEvent item in service.Anthropic().Messages.CreateStreaming(Ask(Questions.Question), Cancellation))
        {
            if (item.TryPickContentBlockDelta(out RawContentBlockDeltaEvent? delta) && delta.Delta.TryPickText(out TextDelta? text))
                answer += text.Text;
            if (item.TryPickDelta(out RawMessageDeltaEvent? end))
                promptTokens = end.Usage.InputTokens + end.Usage.CacheReadInputTokens;
        }
        AssertAnswer(service, answer, promptTokens);
    }

    protected override Task AbortAsync(Service service) =>
        LeaveAsync(leaving => service.Anthropic().Messages.CreateStreaming(Ask(Questions.Endless) with { MaxTokens = Questions.EndlessTokens }, leaving));

    private static MessageCreateParams Ask(string user) => Request(Questions.MaxTokens) with { System = Questions.System, Messages = [new UserMessageParam(user)] };

    private static string TextOf(Message message) => message.Content[0].TryPickText(out TextBlock? block) ? block.Text : "";
}
