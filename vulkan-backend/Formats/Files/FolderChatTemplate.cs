using System.Text;
using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Files;

/// <summary>
/// The chat template in a Hugging Face folder, looked for as transformers does: <c>chat_template.jinja</c>, else <c>chat_template.json</c>, else
/// <c>tokenizer_config.json</c>. Source: transformers, <c>PreTrainedTokenizerBase.from_pretrained</c> and <c>ProcessorMixin</c>.
/// </summary>
internal static class FolderChatTemplate
{
    private const string Key = "chat_template";
    private const string JinjaFile = "chat_template.jinja";
    private const string DefaultName = "default";
    private const int Longest = 16 << 20;
    private const int DeepestNesting = 64;
    private const string TokenizerFile = "tokenizer_config.json";
    private static readonly string[] JsonFiles = ["chat_template.json", TokenizerFile];
    private static readonly string[] TokenNames = ["bos_token", "eos_token", "unk_token", "pad_token"];

    /// <summary>Reads the template, and what the model's files call its tokens.</summary>
    /// <returns>Null where the folder has none.</returns>
    /// <exception cref="ModelException">A file is malformed.</exception>
    public static async Task<ChatTemplateText?> ReadAsync(IModelSource source, IReadOnlyDictionary<string, long> listed, CancellationToken cancellationToken)
    {
        ChatTemplateText? found = null;
        if (listed.ContainsKey(JinjaFile))
        {
            byte[] text = await ModelStream.ReadFileAsync(source, listed, JinjaFile, Longest, cancellationToken).ConfigureAwait(false);
            found = new ChatTemplateText(Decode(text), JinjaFile);
        }

        IReadOnlyDictionary<string, string?> tokens = new Dictionary<string, string?>();
        foreach (string file in JsonFiles.Where(listed.ContainsKey))
        {
            string label = $"{source.Name}/{file}";
            byte[] json = await ModelStream.ReadFileAsync(source, listed, file, Longest, cancellationToken).ConfigureAwait(false);
            if (found is null && Find(json, label) is { } template) found = template with { Origin = $"{file}{template.Origin}" };
            if (file == TokenizerFile) tokens = ModelJson.Read(json, label, DeepestNesting, ReadTokens);
        }
        return found is null ? null : found with { Tokens = tokens };
    }

    /// <summary>A token is a text, or an object that holds one beside how it is found; what else is there is no matter of the template.</summary>
    private static Dictionary<string, string?> ReadTokens(JsonElement root)
    {
        Dictionary<string, string?> tokens = new(StringComparer.Ordinal);
        foreach (string name in TokenNames)
        {
            if (!root.TryGetProperty(name, out JsonElement token)) continue;
            if (token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out JsonElement content)) token = content;
            if (token.ValueKind is JsonValueKind.String or JsonValueKind.Null) tokens[name] = token.GetString();
        }
        return tokens;
    }

    private static ChatTemplateText? Find(byte[] json, string label) => ModelJson.Read(json, label, DeepestNesting, root =>
    {
        if (!root.TryGetProperty(Key, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == JsonValueKind.String ? new ChatTemplateText(value.GetString()!, "") : Choose(value, label);
    });

    /// <summary>Of several templates the one that is called so, or the first.</summary>
    private static ChatTemplateText? Choose(JsonElement list, string label)
    {
        ChatTemplateText[] all = list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(entry => new ChatTemplateText(Text(entry, "template", label), $" ({Text(entry, "name", label)})"))]
            : throw NotUsable(label);
        return Array.Find(all, template => template.Origin == $" ({DefaultName})") ?? all.FirstOrDefault();
    }

    private static string Text(JsonElement entry, string key, string label) =>
        entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw NotUsable(label);

    private static ModelException NotUsable(string label) =>
        new($"{label}: {Key} is not usable; allowed is a text, or an array of objects with the texts name and template.");

    private static string Decode(byte[] text) => new StreamReader(new MemoryStream(text), Encoding.UTF8).ReadToEnd();
}
