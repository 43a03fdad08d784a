using System.Text.Json.Nodes;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>Short requests of all kinds, from a seed.</summary>
internal sealed class Prompts(Random random, string model)
{
    private static readonly string[] Texts =
    [
        "What is the capital of France?", "How many legs does a spider have?", "Tell me a story about a fox.", "Count to five.", "What is 7 + 5?",
        "Grüße aus Köln – schönes Wetter?", "Ein Satz mit 🦊 und \"Anführungszeichen\"\nin zwei Zeilen.", "Repeat: one two three", "{\"id\":\"no id\",\"created\":1}", "x",
    ];

    /// <summary>The body of a chat that has an answer.</summary>
    public JsonObject Chat()
    {
        var messages = new JsonArray(Message("user", Text()));
        if (random.Next(4) == 0)
        {
            messages.Add(Message("assistant", Text()));
            messages.Add(Message("user", Text()));
        }
        return WithOptions(new JsonObject { ["model"] = model, ["messages"] = messages });
    }

    /// <summary>The body of a completion that has an answer.</summary>
    public JsonObject Good(string endpoint) => endpoint.Contains("chat", StringComparison.Ordinal)
        ? Chat()
        : WithOptions(new JsonObject { ["model"] = model, ["prompt"] = Text() });

    /// <summary>The body of a request that only the model can refuse: prompt and answer together are longer than its context.</summary>
    public JsonObject TooLong(string endpoint)
    {
        JsonObject body = Good(endpoint);
        body["max_tokens"] = 8192;
        return body;
    }

    private string Text() => Texts[random.Next(Texts.Length)];

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    private JsonObject WithOptions(JsonObject body)
    {
        body["max_tokens"] = random.Next(1, 9);
        switch (random.Next(5))
        {
            case 0:
                body["temperature"] = 0;
                break;
            case 1:
                // Without a seed: it must be derived, or no two runs agree.
                body["temperature"] = 1.5;
                break;
            case 2:
                body["temperature"] = 1.2;
                body["seed"] = random.NextInt64();
                break;
            case 3:
                body["top_k"] = 40;
                body["top_p"] = 0.9;
                break;
            default:
                body["temperature"] = 0.7;
                body["stop"] = new JsonArray(".", "the");
                break;
        }
        return body;
    }
}
