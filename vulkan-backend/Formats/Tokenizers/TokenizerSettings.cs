using System.Globalization;
using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>
/// What the small files beside a vocabulary say of it: <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c>, and <c>added_tokens.json</c> of older tools.
/// Source: https://github.com/huggingface/transformers, tokenization_utils_base.py.
/// </summary>
internal sealed class TokenizerSettings
{
    /// <summary>The file of newer tools.</summary>
    public const string ConfigName = "tokenizer_config.json";

    /// <summary>The file that names tokens by what they are for.</summary>
    public const string SpecialName = "special_tokens_map.json";

    /// <summary>The file of older tools: texts and ids.</summary>
    public const string AddedName = "added_tokens.json";

    // Chat templates lie there too.
    private const int LongestFile = 16 << 20;
    private const int DeepestNesting = 32;
    private const int HighestId = (1 << 20) - 1;

    private static readonly string[] Roles = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];
    private readonly Dictionary<string, string> _roles = [];
    private readonly HashSet<string> _special = [];
    private readonly SortedDictionary<int, AddedToken> _added = [];

    /// <summary>The tokens that are added, by id.</summary>
    public IReadOnlyCollection<AddedToken> Added => _added.Values;

    /// <summary>The text of the token for a role, such as <c>bos_token</c>; null where the files do not say.</summary>
    public string? TokenFor(string role) => _roles.GetValueOrDefault(role);

    /// <summary>Reads those of the files that are there.</summary>
    /// <exception cref="ModelException">One is malformed; the message names the file and the key.</exception>
    public static async Task<TokenizerSettings> ReadAsync(IModelSource source, IReadOnlyDictionary<string, long> listed, CancellationToken cancellationToken)
    {
        TokenizerSettings settings = new();
        await ReadFileAsync(ConfigName, settings.ReadConfig);
        await ReadFileAsync(SpecialName, settings.ReadRoles);
        await ReadFileAsync(AddedName, settings.ReadAdded);
        return settings;

        async Task ReadFileAsync(string name, Action<JsonElement, string> read)
        {
            if (!listed.ContainsKey(name)) return;
            byte[] json = await ModelStream.ReadFileAsync(source, listed, name, LongestFile, cancellationToken);
            ModelJson.Read(json, $"{source.Name}/{name}", DeepestNesting, root =>
            {
                read(root, $"{source.Name}/{name}");
                return true;
            });
        }
    }

    private void ReadConfig(JsonElement root, string file)
    {
        ReadRoles(root, file);
        if (!root.TryGetProperty("added_tokens_decoder", out JsonElement decoder) || decoder.ValueKind == JsonValueKind.Null) return;
        if (decoder.ValueKind != JsonValueKind.Object) throw Error(file, "added_tokens_decoder", decoder, "an object of ids and tokens");
        foreach (JsonProperty entry in decoder.EnumerateObject())
        {
            string key = $"added_tokens_decoder.{ModelJson.Show(entry.Name)}";
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id > HighestId)
                throw new ModelException($"{file}: {key}: the key must be a token id from 0 to {HighestId}.");
            AddedToken token = AddedTokenJson.Read(entry.Value, id, file, key);
            _added[id] = token with { IsSpecial = token.IsSpecial || _special.Contains(token.Text) };
        }
    }

    private void ReadRoles(JsonElement root, string file)
    {
        foreach (string role in Roles)
        {
            if (!root.TryGetProperty(role, out JsonElement value) || value.ValueKind == JsonValueKind.Null) continue;
            string text = AddedTokenJson.Text(value, file, role);
            _roles.TryAdd(role, text);
            _special.Add(text);
        }

        if (!root.TryGetProperty("additional_special_tokens", out JsonElement others) || others.ValueKind == JsonValueKind.Null) return;
        if (others.ValueKind != JsonValueKind.Array) throw Error(file, "additional_special_tokens", others, "an array of tokens");
        foreach ((int index, JsonElement other) in others.EnumerateArray().Index())
            _special.Add(AddedTokenJson.Text(other, file, $"additional_special_tokens[{index}]"));
    }

    /// <summary>Older tools take special tokens as they stand in texts, and others in what the normalizer makes of it. What newer ones say of an id counts more.</summary>
    private void ReadAdded(JsonElement root, string file)
    {
        foreach (JsonProperty entry in root.EnumerateObject())
        {
            string key = ModelJson.Show(entry.Name);
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id) || id is < 0 or > HighestId)
                throw Error(file, key, entry.Value, $"a token id from 0 to {HighestId}");
            if (entry.Name.Length == 0) throw new ModelException($"{file}: has a token without text.");
            bool isSpecial = _special.Contains(entry.Name);
            _added.TryAdd(id, new AddedToken(id, entry.Name) { IsSpecial = isSpecial, IsNormalized = !isSpecial });
        }
    }

    private static ModelException Error(string file, string key, JsonElement value, string allowed) =>
        new($"{file}: {key} is {ModelJson.Show(value)}; allowed is {allowed}.");
}
