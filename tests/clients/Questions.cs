using System.Text.Json.Serialization;

namespace Gemma2.Clients.Tests;

/// <summary>What is asked. The embedded model is tiny: the tests look at what is sent and read, not at what it says.</summary>
internal static class Questions
{
    public const string System = "Be brief.";
    public const string Question = "What is the capital of France?";
    public const string Text = "Extract name and age as JSON: Anna is 31 years old and lives in Rome.";
    public const string Weather = "What is the weather in Paris?";

    /// <summary>The embedded model never ends its answer to this one.</summary>
    public const string Endless = "Write the alphabet again and again.";

    public const int MaxTokens = 100;

    /// <summary>Longer than any test waits.</summary>
    public const int EndlessTokens = 6000;

    public const string ToolName = "get_weather";
    public const string ToolDescription = "Tells the weather.";
    public const string ToolSchema = """{"type":"object","properties":{"city":{"type":"string","maxLength":10}},"required":["city"],"additionalProperties":false}""";
    public const string PersonSchema = """{"type":"object","properties":{"name":{"type":"string","maxLength":20},"age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"],"additionalProperties":false}""";
}

/// <summary>The type of a typed answer.</summary>
internal sealed record Person([property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("age")] int Age);

/// <summary>What a function takes: few enough for so small a model.</summary>
internal enum City
{
    Paris,
    Rome,
}
