using System.ClientModel;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Testing;
using OpenAI.Responses;

namespace Gemma2.Functions.Tests.Responses;

/// <summary>The official OpenAI client's responses against the app: what it can read is right.</summary>
public sealed class ResponsesClientTests(AzuriteFixture azurite)
{
    private const string Call = "<tool_call>\n{\"name\": \"get_time\", \"arguments\": {\"zone\": \"UTC\"}}\n</tool_call>";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_WithInstructions_GivesTheAnswerAndWhatWasAsked()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { CachedTokens = 3 };
        await using TestApp app = await TestApp.StartAsync(engine);
        var options = new CreateResponseOptions(ScriptedEngine.Name, [ResponseItem.CreateUserMessageItem("Hi")])
        {
            Instructions = "Be brief.",
            Temperature = 0.5f,
            TopP = 0.25f,
            MaxOutputTokenCount = 50,
            EndUserId = "me",
            TruncationMode = ResponseTruncationMode.Auto,
            StoredOutputEnabled = false,
            SafetyIdentifier = "safe",
            PromptCacheKey = "key",
            MaxToolCallCount = 3,
            ParallelToolCallsEnabled = false,
        };
        options.Metadata["note"] = "x";

        ResponseResult response = await Client(app).CreateResponseAsync(options, Cancellation);

        Assert.Equal(engine.Answer, response.GetOutputText());
        var message = Assert.IsAssignableFrom<MessageResponseItem>(Assert.Single(response.OutputItems));
        Assert.Equal((MessageRole.Assistant, MessageStatus.Completed), (message.Role, message.Status));
        Assert.StartsWith("msg_", message.Id, StringComparison.Ordinal);
        Assert.StartsWith("resp_", response.Id, StringComparison.Ordinal);
        Assert.Equal((ResponseStatus.Completed, ScriptedEngine.Name, "response"), (response.Status, response.Model, response.Object));
        Assert.Equal((0.5f, 0.25f, 50, 3, false), (response.Temperature, response.TopP, response.MaxOutputTokenCount, response.MaxToolCallCount, response.ParallelToolCallsEnabled));
        Assert.Equal(("me", "safe", "key", "x"), (response.EndUserId, response.SafetyIdentifier, response.PromptCacheKey, response.Metadata["note"]));
        Assert.Equal(ResponseTruncationMode.Auto, response.TruncationMode);
        Assert.Null(response.Error);
        Assert.Null(response.IncompleteStatusDetails?.Reason);
        Assert.Equal((engine.LastRequest!.PromptTokens.Count, 3), (response.Usage.InputTokenCount, response.Usage.InputTokenDetails.CachedTokenCount));
        Assert.Equal(Vocabulary.Tokenizer.Encode(engine.Answer).Length + 1, response.Usage.OutputTokenCount);
        Assert.Equal(response.Usage.InputTokenCount + response.Usage.OutputTokenCount, response.Usage.TotalTokenCount);
        Assert.InRange(response.CreatedAt, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        Assert.Equal("<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n", Vocabulary.Tokenizer.Decode(engine.LastRequest.PromptTokens));
        Assert.Equal((0.5, 0.25, 50), (engine.LastRequest.Sampling.Temperature, engine.LastRequest.Sampling.TopP, engine.LastRequest.MaxTokens));
    }

    [Fact]
    public async Task Stream_Text_ComesInPiecesAndWhole()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "Grüße, 世界! 👋" };
        await using TestApp app = await TestApp.StartAsync(engine);

        var pieces = new List<string>();
        StreamingResponseUpdate? first = null, last = null;
        await foreach (StreamingResponseUpdate update in await Client(app).CreateResponseStreamingAsync(ScriptedEngine.Name, "Hi", cancellationToken: Cancellation))
        {
            first ??= update;
            last = update;
            if (update is StreamingResponseOutputTextDeltaUpdate delta)
                pieces.Add(delta.Delta);
        }

        Assert.IsType<StreamingResponseCreatedUpdate>(first);
        Assert.Equal(engine.Answer, Assert.IsType<StreamingResponseCompletedUpdate>(last).Response.GetOutputText());
        Assert.Equal(engine.Answer, string.Concat(pieces));
        Assert.True(pieces.Count > 2, "The answer came in one piece.");
    }

    [Fact]
    public async Task Create_TokenLimit_IsIncomplete()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "one two three four five six" });
        var options = new CreateResponseOptions(ScriptedEngine.Name, [ResponseItem.CreateUserMessageItem("Hi")]) { MaxOutputTokenCount = 2 };

        ResponseResult response = await Client(app).CreateResponseAsync(options, Cancellation);

        Assert.Equal((ResponseStatus.Incomplete, ResponseIncompleteStatusReason.MaxOutputTokens), (response.Status, response.IncompleteStatusDetails.Reason));
        Assert.Equal(MessageStatus.Incomplete, Assert.IsAssignableFrom<MessageResponseItem>(Assert.Single(response.OutputItems)).Status);
    }

    [Fact]
    public async Task Create_FunctionCall_GoesThereAndBack()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { AnswerTo = request => Vocabulary.Tokenizer.Decode(request.PromptTokens).Contains("tool_response", StringComparison.Ordinal) ? "It is nine." : Call };
        await using TestApp app = await TestApp.StartAsync(engine);
        var options = new CreateResponseOptions(ScriptedEngine.Name, [ResponseItem.CreateUserMessageItem("What time is it?")]) { ToolChoice = ResponseToolChoice.CreateFunctionChoice("get_time") };
        options.Tools.Add(ResponseTool.CreateFunctionTool("get_time", BinaryData.FromString("""{"type":"object","properties":{"zone":{"type":"string"}}}"""), strictModeEnabled: true, "Tells the time."));

        ResponseResult asked = await Client(app).CreateResponseAsync(options, Cancellation);
        var call = Assert.IsType<FunctionCallResponseItem>(Assert.Single(asked.OutputItems));
        Assert.Equal(("get_time", """{"zone": "UTC"}""", FunctionCallStatus.Completed), (call.FunctionName, call.FunctionArguments.ToString(), call.Status));
        Assert.Equal("get_time", Assert.IsType<FunctionTool>(Assert.Single(asked.Tools)).FunctionName);
        options.InputItems.Add(call);
        options.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(call.CallId, "nine"));
        options.ToolChoice = ResponseToolChoice.CreateNoneChoice();
        ResponseResult told = await Client(app).CreateResponseAsync(options, Cancellation);

        Assert.Equal("It is nine.", told.GetOutputText());
        Assert.EndsWith(
            $"<start_of_turn>model\n{Call}<end_of_turn>\n<start_of_turn>user\n<tool_response>\nget_time: nine\n</tool_response><end_of_turn>\n<start_of_turn>model\n",
            Vocabulary.Tokenizer.Decode(engine.LastRequest!.PromptTokens), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_Typed_FitsItsSchema()
    {
        await using TestApp app = await StartNanoAsync();
        var options = new CreateResponseOptions("nano", [ResponseItem.CreateUserMessageItem("Where is Paris?")])
        {
            Temperature = 0,
            MaxOutputTokenCount = 200,
            TextOptions = new ResponseTextOptions
            {
                TextFormat = ResponseTextFormat.CreateJsonSchemaFormat(
                    "place", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string","maxLength":8},"size":{"enum":["small","large"]}},"required":["city","size"],"additionalProperties":false}"""), null, true),
            },
        };

        ResponseResult response = await Client(app).CreateResponseAsync(options, Cancellation);

        Assert.Equal(ResponseStatus.Completed, response.Status);
        JsonElement place = JsonElement.Parse(response.GetOutputText());
        Assert.Equal(["city", "size"], place.EnumerateObject().Select(member => member.Name).Order());
        Assert.Contains(place.GetProperty("size").GetString(), new[] { "small", "large" });
        Assert.Equal(ResponseTextFormatKind.JsonSchema, response.TextOptions.TextFormat.Kind);
    }

    [Fact]
    public async Task Create_RequiredFunction_FitsItsSchema()
    {
        await using TestApp app = await StartNanoAsync();
        var options = new CreateResponseOptions("nano", [ResponseItem.CreateUserMessageItem("What is the weather?")])
        {
            Temperature = 0,
            MaxOutputTokenCount = 100,
            ToolChoice = ResponseToolChoice.CreateRequiredChoice(),
            ParallelToolCallsEnabled = false,
        };
        options.Tools.Add(ResponseTool.CreateFunctionTool("get_weather", BinaryData.FromString("""{"type":"object","properties":{"unit":{"enum":["c","f"]}},"required":["unit"],"additionalProperties":false}"""), true));

        ResponseResult response = await Client(app).CreateResponseAsync(options, Cancellation);

        var call = Assert.IsType<FunctionCallResponseItem>(Assert.Single(response.OutputItems));
        Assert.Contains(JsonElement.Parse(call.FunctionArguments).GetProperty("unit").GetString(), new[] { "c", "f" });
    }

    [Fact]
    public async Task Create_AfterAnother_GoesOnWithTheWholeConversation()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { AnswerTo = request => $"Answer {Vocabulary.Tokenizer.Decode(request.PromptTokens).Split("<start_of_turn>user").Length - 1}" };
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(engine, account.Setting);
        ResponsesClient client = Client(app);
        var first = new CreateResponseOptions(ScriptedEngine.Name, [ResponseItem.CreateUserMessageItem("One")]) { Instructions = "Be brief." };

        ResponseResult one = await client.CreateResponseAsync(first, Cancellation);
        ResponseResult two = await client.CreateResponseAsync(ScriptedEngine.Name, "Two", one.Id, Cancellation);
        ResponseResult three = await client.CreateResponseAsync(ScriptedEngine.Name, "Three", two.Id, Cancellation);

        Assert.Equal("Answer 3", three.GetOutputText());
        Assert.Equal(two.Id, three.PreviousResponseId);
        // Instructions are those of their own response only.
        Assert.Equal(
            "<start_of_turn>user\nOne<end_of_turn>\n<start_of_turn>model\nAnswer 1<end_of_turn>\n<start_of_turn>user\nTwo<end_of_turn>\n<start_of_turn>model\nAnswer 2<end_of_turn>\n"
            + "<start_of_turn>user\nThree<end_of_turn>\n<start_of_turn>model\n",
            Vocabulary.Tokenizer.Decode(engine.LastRequest!.PromptTokens));
        ResponseResult again = await client.GetResponseAsync(two.Id, Cancellation);
        Assert.Equal(("Answer 2", one.Id), (again.GetOutputText(), again.PreviousResponseId));
        var items = new List<string>();
        await foreach (ResponseItem item in client.GetResponseInputItemsAsync(new ResponseItemCollectionOptions(three.Id) { PageSizeLimit = 2, Order = ResponseItemCollectionOrder.Ascending }, Cancellation))
            items.Add(Assert.IsAssignableFrom<MessageResponseItem>(item).Content.Single().Text);
        Assert.Equal(["One", "Answer 1", "Two", "Answer 2", "Three"], items);
        ResponseDeletionResult deleted = await client.DeleteResponseAsync(two.Id, Cancellation);
        Assert.Equal((true, two.Id), (deleted.Deleted, deleted.ResponseId));
        Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync(two.Id, Cancellation))).Status);
        // The third has all that it needs.
        Assert.Equal("Answer 4", ((ResponseResult)await client.CreateResponseAsync(ScriptedEngine.Name, "Four", three.Id, Cancellation)).GetOutputText());
    }

    [Fact]
    public async Task Create_References_AreTheItemsThatWereSaid()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = Call };
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(engine, account.Setting);
        ResponsesClient client = Client(app);
        var options = new CreateResponseOptions(ScriptedEngine.Name, [ResponseItem.CreateUserMessageItem("Time?")]);
        options.Tools.Add(ResponseTool.CreateFunctionTool("get_time", BinaryData.FromString("{}"), null));
        ResponseResult asked = await client.CreateResponseAsync(options, Cancellation);
        var call = Assert.IsType<FunctionCallResponseItem>(Assert.Single(asked.OutputItems));

        options.InputItems.Add(ResponseItem.CreateReferenceItem(call.Id));
        options.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(call.CallId, "nine"));
        await client.CreateResponseAsync(options, Cancellation);

        Assert.EndsWith(
            $"Time?<end_of_turn>\n<start_of_turn>model\n{Call}<end_of_turn>\n<start_of_turn>user\n<tool_response>\nget_time: nine\n</tool_response><end_of_turn>\n<start_of_turn>model\n",
            Vocabulary.Tokenizer.Decode(engine.LastRequest!.PromptTokens), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_ThatFails_EndsWithTheError()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => throw new GenerationException("The device made no sense.") };
        await using TestApp app = await TestApp.StartAsync(engine);

        var updates = new List<StreamingResponseUpdate>();
        await foreach (StreamingResponseUpdate update in await Client(app).CreateResponseStreamingAsync(ScriptedEngine.Name, "Hi", cancellationToken: Cancellation))
            updates.Add(update);

        var error = Assert.IsType<StreamingResponseErrorUpdate>(updates[^2]);
        Assert.Equal(("The device made no sense.", "generation_failed"), (error.Message, error.Code));
        Assert.Equal("The device made no sense.", Assert.IsType<StreamingResponseFailedUpdate>(updates[^1]).Response.Error.Message);
    }

    private static ResponsesClient Client(TestApp app) => app.OpenAIClient().GetResponsesClient();

    private static async Task<TestApp> StartNanoAsync()
    {
        Machine.NeedsDevice();
        return await TestApp.StartAsync(await InferenceEngine.LoadAsync(
            new FolderModelSource(Path.Combine(Repository.Root, "samples/nano")), new EngineOptions { AllowSoftwareDevice = true, MaxSequences = 8 }, cancellationToken: Cancellation));
    }
}
