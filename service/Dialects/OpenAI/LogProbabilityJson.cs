using System.Globalization;
using System.Text.Json;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Log-probabilities of tokens in OpenAI's two shapes. Source: OpenAI API reference, "Chat" and "Completions (legacy)", <c>logprobs</c>.</summary>
internal sealed class LogProbabilityJson(Utf8JsonWriter json, GemmaTokenizer tokenizer)
{
    /// <summary>A chat's: a list of tokens, with the likeliest beside each.</summary>
    public void WriteChat(IReadOnlyList<ToldToken> tokens)
    {
        json.WriteStartObject();
        json.WritePropertyName("content");
        WriteTokens(tokens);
        json.WriteNull("refusal");
        json.WriteEndObject();
    }

    /// <summary>A list of tokens, with the likeliest beside each.</summary>
    public void WriteTokens(IReadOnlyList<ToldToken> tokens)
    {
        json.WriteStartArray();
        foreach (ToldToken token in tokens)
        {
            json.WriteStartObject();
            WriteToken(token.Choice.Id, token.Choice.LogProbability!.Value);
            json.WriteStartArray("top_logprobs");
            foreach (TokenLogProbability other in token.Choice.Top)
            {
                json.WriteStartObject();
                WriteToken(other.Id, other.LogProbability);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>A completion's: lists side by side.</summary>
    public void WriteText(IReadOnlyList<ToldToken> tokens)
    {
        json.WriteStartObject();
        WriteList("tokens", tokens, token => json.WriteStringValue(Spell(token.Choice.Id)));
        WriteList("token_logprobs", tokens, token => WriteNumberOrNull(token.Choice.LogProbability));
        WriteList("top_logprobs", tokens, token => WriteTop(token.Choice));
        WriteList("text_offset", tokens, token => json.WriteNumberValue(token.Offset));
        json.WriteEndObject();
    }

    private void WriteList(string name, IReadOnlyList<ToldToken> tokens, Action<ToldToken> write)
    {
        json.WriteStartArray(name);
        foreach (ToldToken token in tokens)
            write(token);
        json.WriteEndArray();
    }

    private void WriteToken(int id, double logProbability)
    {
        json.WriteString("token", TokenSpelling.Spell(tokenizer, id));
        json.WriteNumber("logprob", logProbability);
        if (!tokenizer.TryGetBytes(id, out byte[] bytes))
        {
            json.WriteNull("bytes");
            return;
        }
        json.WriteStartArray("bytes");
        foreach (byte value in bytes)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    /// <summary>The likeliest tokens by their spelling, and the token itself, which may be none of them. Of two that are spelled alike the second goes by its id.</summary>
    private void WriteTop(TokenChoice choice)
    {
        if (choice.LogProbability is not { } own)
        {
            json.WriteNullValue();
            return;
        }
        var names = new HashSet<string>();
        json.WriteStartObject();
        foreach ((int id, double logProbability) in choice.Top)
            json.WriteNumber(Name(id), logProbability);
        if (choice.Top.All(other => other.Id != choice.Id))
            json.WriteNumber(Name(choice.Id), own);
        json.WriteEndObject();

        string Name(int id)
        {
            string name = Spell(id);
            if (names.Add(name))
                return name;
            name = string.Create(CultureInfo.InvariantCulture, $"token_id:{id}");
            names.Add(name);
            return name;
        }
    }

    private void WriteNumberOrNull(double? number)
    {
        if (number is { } value)
            json.WriteNumberValue(value);
        else
            json.WriteNullValue();
    }

    // OpenAI's spelling of bytes in this API.
    private string Spell(int id) => TokenSpelling.Spell(tokenizer, id, "bytes:");
}
