namespace Gemma2.Functions.Tests;

/// <summary>Errors carry OpenAI's <c>code</c> where OpenAI has one.</summary>
public sealed class ErrorCodesTests
{
    [Theory]
    [InlineData("model", "missing_required_parameter", "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]", null)]
    [InlineData("messages", "missing_required_parameter", "\"model\":\"scripted\"", null)]
    [InlineData("messages", "invalid_type", "\"model\":\"scripted\",\"messages\":\"Hi\"", null)]
    [InlineData("messages", "empty_array", "\"model\":\"scripted\",\"messages\":[]", null)]
    [InlineData("messages[0]", "invalid_type", "\"model\":\"scripted\",\"messages\":[5]", null)]
    [InlineData("messages[0].role", "missing_required_parameter", "\"model\":\"scripted\",\"messages\":[{\"content\":\"Hi\"}]", null)]
    [InlineData("messages[0].role", "invalid_value", "\"model\":\"scripted\",\"messages\":[{\"role\":\"wizard\",\"content\":\"Hi\"}]", null)]
    [InlineData("temperature", "decimal_above_max_value", "\"temperature\":3")]
    [InlineData("temperature", "decimal_below_min_value", "\"temperature\":-0.5")]
    [InlineData("temperature", "invalid_type", "\"temperature\":\"hot\"")]
    [InlineData("n", "integer_above_max_value", "\"n\":129")]
    [InlineData("n", "integer_below_min_value", "\"n\":0")]
    [InlineData("n", "invalid_type", "\"n\":1.5")]
    [InlineData("n", "integer_above_max_value", "\"n\":1e400")]
    [InlineData("stream", "invalid_type", "\"stream\":\"yes\"")]
    [InlineData("stop", "array_above_max_length", "\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]")]
    [InlineData("stop", "invalid_type", "\"stop\":5")]
    [InlineData("user", "invalid_type", "\"user\":5")]
    [InlineData("colour", "unknown_parameter", "\"colour\":\"red\"")]
    [InlineData("stream_options.colour", "unknown_parameter", "\"stream\":true,\"stream_options\":{\"colour\":\"red\"}")]
    [InlineData("audio", "unsupported_parameter", "\"audio\":{}")]
    [InlineData("reasoning_effort", "unsupported_value", "\"reasoning_effort\":\"high\"")]
    [InlineData("service_tier", "invalid_value", "\"service_tier\":\"cheap\"")]
    [InlineData("tools", "array_above_max_length", "\"tools\":[TOOLS]")]
    [InlineData("tool_choice", "invalid_value", "\"tool_choice\":\"any\"")]
    [InlineData("messages", "context_length_exceeded", "\"max_tokens\":512")]
    public async Task Post_WrongField_HasOpenAIsCode(string parameter, string code, string fields, string? before = "\"model\":\"scripted\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],")
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        string tools = string.Join(',', Enumerable.Range(0, 129).Select(i => $$$"""{"type":"function","function":{"name":"f{{{i}}}"}}"""));

        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", $"{{{before}{fields.Replace("TOOLS", tools, StringComparison.Ordinal)}}}");

        await ErrorShape.AssertAsync(response, 400, parameter, code);
    }
}
