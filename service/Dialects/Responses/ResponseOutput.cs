using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>The items of a response: one message, or calls of functions. Their ids follow from the response's, so that each leads back to it.</summary>
/// <param name="completion">What was asked.</param>
internal sealed class ResponseOutput(Completion completion)
{
    private const int IdLength = 32;

    /// <summary>The message.</summary>
    /// <param name="text">What it says; null where it only begins.</param>
    public Item.Message Message(string? text) => new(Item.MessagePrefix + completion.Id, Item.Message.Assistant, text is null ? [] : [text]);

    /// <summary>A call.</summary>
    /// <param name="index">Its number.</param>
    /// <param name="name">The function.</param>
    /// <param name="arguments">Its arguments so far.</param>
    public Item.Call Call(int index, string name, string arguments) => new($"{Item.CallPrefix}{completion.Id}_{index}", $"call_{completion.Id}_{index}", name, arguments);

    /// <summary>The id of the response that an item is of; null where it is of none.</summary>
    public static string? ResponseOf(string itemId)
    {
        string? prefix = new[] { Item.MessagePrefix, Item.CallPrefix }.FirstOrDefault(prefix => itemId.StartsWith(prefix, StringComparison.Ordinal));
        return prefix is null || itemId.Length < prefix.Length + IdLength ? null : $"{ResponseJson.Prefix}{itemId.AsSpan(prefix.Length, IdLength)}";
    }

    /// <summary>The response's status.</summary>
    public static string StatusOf(CompletionResult result) => StatusOf(result.Choices[0].Finish);

    /// <summary>The status of a response, and of its last item, that ended so.</summary>
    public static string StatusOf(FinishReason finish) => finish == FinishReason.Length ? Item.Incomplete : Item.Completed;

    /// <summary>Writes all items.</summary>
    public void Write(Utf8JsonWriter json, CompletionResult result)
    {
        Choice choice = result.Choices[0];
        Item[] items = ItemsOf(choice.Text);
        foreach ((int index, Item item) in items.Index())
            item.Write(json, index < items.Length - 1 ? Item.Completed : StatusOf(choice.Finish), LogProbabilities(choice.Tokens));
    }

    /// <summary>Writes the array of tokens' log-probabilities; null where none are wanted.</summary>
    public Action<Utf8JsonWriter>? LogProbabilities(IReadOnlyList<ToldToken> tokens) =>
        completion.Request.Sampling.LogProbabilities is null ? null : json => new LogProbabilityJson(json, completion.Engine.Tokenizer!).WriteTokens(tokens);

    private Item[] ItemsOf(string text)
    {
        if (completion.Request.Tools is null)
            return [Message(text)];
        var said = ToolAnswer.Of(text);
        return said.Reply is { } reply ? [Message(reply)] : [.. said.Calls.Select((call, index) => Call(index, call.Name, call.Arguments))];
    }
}
