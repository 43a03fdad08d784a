using System.Text.Json;
using Gemma2.Backend.Engine;

namespace Gemma2.Functions.Tests.Answers;

/// <summary><c>service_tier</c>: who waits for whom, and what answers say of it.</summary>
public sealed class ServiceTierTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("\"auto\"", RequestClass.Interactive, "default")]
    [InlineData("\"default\"", RequestClass.Interactive, "default")]
    [InlineData("\"priority\"", RequestClass.Interactive, "default")]
    [InlineData("\"flex\"", RequestClass.Batch, "flex")]
    [InlineData("null", RequestClass.Interactive, null)]
    public async Task Post_Tier_IsActedOnAndTold(string tier, RequestClass expected, string? told)
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage whole = await app.PostAsync("/v1/chat/completions", Chat($"\"service_tier\":{tier}"));
        RequestClass ofWhole = engine.LastRequest!.Class;
        using HttpResponseMessage stream = await app.PostAsync("/v1/chat/completions", Chat($"\"service_tier\":{tier},\"stream\":true"));

        Assert.Equal((expected, expected), (ofWhole, engine.LastRequest.Class));
        Assert.Equal(told, TierOf(await whole.Content.ReadAsStringAsync(Cancellation)));
        string[] events = [.. (await stream.Content.ReadAsStringAsync(Cancellation)).Split("\n\n").Where(frame => frame.StartsWith("data: {", StringComparison.Ordinal))];
        Assert.All(events, frame => Assert.Equal(told, TierOf(frame["data: ".Length..])));
        Assert.NotEmpty(events);
    }

    [Theory]
    [InlineData("\"cheap\"")]
    [InlineData("1")]
    public async Task Post_OtherTier_IsRefused(string tier)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", Chat($"\"service_tier\":{tier}"));

        Assert.Equal(400, (int)response.StatusCode);
        JsonElement error = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation)).GetProperty("error");
        Assert.Equal("service_tier", error.GetProperty("param").GetString());
    }

    private static string Chat(string field) => $$"""{"model":"scripted","messages":[{"role":"user","content":"Hi"}],{{field}}}""";

    private static string? TierOf(string json) => JsonElement.Parse(json).TryGetProperty("service_tier", out JsonElement tier) ? tier.GetString() : null;
}
