using System.Text.Json;
using Gemma2.Backend.Text;

namespace Gemma2.Functions.Tests;

/// <summary>Tokens and texts, there and back: what is told of a prompt is what a request with it would have.</summary>
public sealed class TokenizeEndpointTests
{
    private static readonly GemmaTokenizer Tokenizer = Vocabulary.Tokenizer;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tokenize_Prompt_GivesTheTokensOfACompletion()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        using HttpResponseMessage completion = await app.PostAsync("/v1/completions", """{"model":"scripted","prompt":"Grüße, 世界!"}""");

        JsonElement answer = await PostAsync(app, "/tokenize", """{"model":"scripted","prompt":"Grüße, 世界!","return_token_strs":true}""");

        Assert.Equal(["count", "max_model_len", "tokens", "token_strs"], answer.EnumerateObject().Select(field => field.Name));
        int[] tokens = Tokens(answer);
        Assert.Equal(engine.LastRequest!.PromptTokens, tokens);
        Assert.Equal((tokens.Length, engine.ContextLength), (answer.GetProperty("count").GetInt32(), answer.GetProperty("max_model_len").GetInt32()));
        Assert.Equal(tokens.Select(Tokenizer.Piece), answer.GetProperty("token_strs").EnumerateArray().Select(piece => piece.GetString()!));
    }

    [Fact]
    public async Task Tokenize_Messages_GivesTheTokensOfAChat()
    {
        const string chat = """ "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f"}}] """;
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        using HttpResponseMessage completion = await app.PostAsync("/v1/chat/completions", $$"""{"model":"scripted",{{chat}}}""");

        JsonElement answer = await PostAsync(app, "/tokenize", $$"""{{{chat}}}""");

        Assert.Equal(engine.LastRequest!.PromptTokens, Tokens(answer));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("token_strs").ValueKind);
    }

    [Theory]
    [InlineData("""{"prompt":"Hi"}""", "<bos>Hi")]
    [InlineData("""{"prompt":"Hi","add_special_tokens":false}""", "Hi")]
    [InlineData("""{"prompt":"<bos>Hi"}""", "<bos>Hi")]
    [InlineData("""{"prompt":"<bos>Hi","add_special_tokens":false}""", "<bos>Hi")]
    [InlineData("""{"prompt":""}""", "<bos>")]
    [InlineData("""{"prompt":"","add_special_tokens":false}""", "")]
    [InlineData("""{"messages":[{"role":"user","content":"Hi"}]}""", "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n")]
    [InlineData("""{"messages":[{"role":"user","content":"Hi"}],"add_special_tokens":true}""", "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n")]
    [InlineData("""{"messages":[{"role":"user","content":"Hi"}],"add_generation_prompt":false}""", "<bos><start_of_turn>user\nHi<end_of_turn>\n")]
    [InlineData("""{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Wel"}],"continue_final_message":true,"add_generation_prompt":false}""", "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nWel")]
    public async Task Detokenize_WhatTokenizeGave_GivesThePrompt(string body, string prompt)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Tokenizer));

        JsonElement tokens = (await PostAsync(app, "/tokenize", body)).GetProperty("tokens");
        JsonElement answer = await PostAsync(app, "/detokenize", $$"""{"model":"scripted","tokens":{{tokens.GetRawText()}}}""");

        Assert.Equal(["prompt"], answer.EnumerateObject().Select(field => field.Name));
        Assert.Equal(prompt, answer.GetProperty("prompt").GetString());
    }

    [Theory]
    [InlineData("prompt", null, """{}""")]
    [InlineData("prompt", null, """{"prompt":"Hi","messages":[{"role":"user","content":"Hi"}]}""")]
    [InlineData("prompt", null, """{"prompt":[2,5]}""")]
    [InlineData("messages", null, """{"messages":[]}""")]
    [InlineData("messages[0].role", null, """{"messages":[{"role":"wizard","content":"Hi"}]}""")]
    [InlineData("add_special_tokens", null, """{"prompt":"Hi","add_special_tokens":1}""")]
    [InlineData("continue_final_message", null, """{"messages":[{"role":"user","content":"Hi"}],"continue_final_message":true}""")]
    [InlineData("chat_template", null, """{"messages":[{"role":"user","content":"Hi"}],"chat_template":"x"}""")]
    [InlineData("colour", null, """{"prompt":"Hi","colour":"red"}""")]
    [InlineData("model", "model_not_found", """{"prompt":"Hi","model":"other"}""")]
    [InlineData(null, null, """[]""")]
    public async Task Tokenize_BadField_IsNamed(string? field, string? code, string body) => await AssertRefusedAsync("/tokenize", field, code, body);

    [Theory]
    [InlineData("tokens", null, """{}""")]
    [InlineData("tokens", null, """{"tokens":"2"}""")]
    [InlineData("tokens[1]", null, """{"tokens":[2,"5"]}""")]
    [InlineData("tokens[0]", null, """{"tokens":[-1]}""")]
    [InlineData("tokens[1]", null, """{"tokens":[2,2147483647]}""")]
    [InlineData("prompt", null, """{"tokens":[2],"prompt":"Hi"}""")]
    [InlineData("model", "model_not_found", """{"tokens":[2],"model":"other"}""")]
    public async Task Detokenize_BadField_IsNamed(string? field, string? code, string body) => await AssertRefusedAsync("/detokenize", field, code, body);

    private static async Task AssertRefusedAsync(string path, string? field, string? code, string body)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Tokenizer));
        using HttpResponseMessage response = await app.PostAsync(path, body);
        await ErrorShape.AssertAsync(response, code == "model_not_found" ? 404 : 400, field, code);
    }

    private static int[] Tokens(JsonElement answer) => [.. answer.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32())];

    private static async Task<JsonElement> PostAsync(TestApp app, string path, string body)
    {
        using HttpResponseMessage response = await app.PostAsync(path, body);
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }
}
