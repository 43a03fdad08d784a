using System.Globalization;
using Gemma2.Backend;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Options;
using Gemma2.Storage.Batches;

namespace Gemma2.Functions.Configuration;

/// <summary>A setting is wrong: the message names its key, its value and what is allowed.</summary>
internal sealed class ConfigurationException(string message) : Gemma2Exception(message);

/// <summary>Reads <see cref="Gemma2Options"/> strictly: a key that does not exist is an error, so that a misspelt one is not silently without effect.</summary>
internal static class Gemma2OptionsReader
{
    private const int ShortestContext = InferenceEngine.ShortestContextLength;
    private const int LongestContext = 8192;
    private const int MostSequences = 256;
    private const int MostWaitingRequests = 100_000;
    private const int ShortestLease = 5;
    private const int LongestLease = 600;
    private const int LongestChunk = 900;
    private const int LongestRequest = 600;
    private const int LongestStartupWait = 3600;
    private const int LongestRetention = 3650;

    /// <summary>The settings of the section.</summary>
    internal static readonly string[] Keys =
    [
        nameof(Gemma2Options.Model), nameof(Gemma2Options.Device), nameof(Gemma2Options.AllowSoftwareDevice), nameof(Gemma2Options.ContextLength),
        nameof(Gemma2Options.MaxSequences), nameof(Gemma2Options.JobsAtOnce), nameof(Gemma2Options.KvCacheMemory), nameof(Gemma2Options.MaxWaitingRequests), nameof(Gemma2Options.MaxWaitingTokens),
        nameof(Gemma2Options.StagingMemory),
        nameof(Gemma2Options.ToolPrompt), nameof(Gemma2Options.ChatTemplate), nameof(Gemma2Options.GenerationConfig), nameof(Gemma2Options.WeightType), nameof(Gemma2Options.Lora), nameof(Gemma2Options.KvCacheType), nameof(Gemma2Options.Kernels),
        nameof(Gemma2Options.ApiKeys), nameof(Gemma2Options.AllowAnonymous), nameof(Gemma2Options.CorsOrigins), nameof(Gemma2Options.RequestSeconds),
        nameof(Gemma2Options.StartupWaitSeconds), nameof(Gemma2Options.AdminKey),
        nameof(Gemma2Options.RequestsPerMinute), nameof(Gemma2Options.TokensPerMinute), nameof(Gemma2Options.KeyLimits),
        nameof(Gemma2Options.SharedLimits), nameof(Gemma2Options.BatchTokensPerMinute), nameof(Gemma2Options.KeyQuotas),
        nameof(Gemma2Options.QueueLeaseSeconds),
        nameof(Gemma2Options.BatchChunkSeconds), nameof(Gemma2Options.Prices), nameof(Gemma2Options.BatchWebhook), nameof(Gemma2Options.RetentionDays),
        nameof(Gemma2Options.CallbackHosts), nameof(Gemma2Options.CallbackSecret),
        nameof(Gemma2Options.SharePipelines),
        nameof(Gemma2Options.CacheFolder), nameof(Gemma2Options.CacheSize),
    ];

    /// <summary>Reads the section <c>Gemma2</c>.</summary>
    /// <exception cref="ConfigurationException">A key or value is wrong.</exception>
    public static Gemma2Options Read(IConfiguration configuration)
    {
        IConfigurationSection section = configuration.GetSection(Gemma2Options.Section);
        foreach (IConfigurationSection entry in section.GetChildren())
            CheckKey(entry);
        var defaults = new Gemma2Options { Model = "" };
        return new Gemma2Options
        {
            Model = Value(section, nameof(Gemma2Options.Model))
                ?? throw Wrong(nameof(Gemma2Options.Model), "", "a model's name in blob storage or a folder such as ./nano"),
            Device = Value(section, nameof(Gemma2Options.Device)),
            AllowSoftwareDevice = Boolean(section, nameof(Gemma2Options.AllowSoftwareDevice)) ?? defaults.AllowSoftwareDevice,
            ContextLength = Integer(section, nameof(Gemma2Options.ContextLength), ShortestContext, LongestContext),
            MaxSequences = Integer(section, nameof(Gemma2Options.MaxSequences), 1, MostSequences) ?? defaults.MaxSequences,
            JobsAtOnce = Integer(section, nameof(Gemma2Options.JobsAtOnce), 1, MostSequences) ?? defaults.JobsAtOnce,
            KvCacheMemory = Bytes(section, nameof(Gemma2Options.KvCacheMemory)),
            StagingMemory = StagingMemory(section) ?? defaults.StagingMemory,
            CacheFolder = CacheFolder(section),
            CacheSize = Bytes(section, nameof(Gemma2Options.CacheSize)),
            MaxWaitingRequests = Integer(section, nameof(Gemma2Options.MaxWaitingRequests), 0, MostWaitingRequests) ?? defaults.MaxWaitingRequests,
            MaxWaitingTokens = Integer(section, nameof(Gemma2Options.MaxWaitingTokens), 0, int.MaxValue) ?? defaults.MaxWaitingTokens,
            ToolPrompt = ToolPrompt(section) ?? defaults.ToolPrompt,
            ChatTemplate = ChatTemplate(section),
            GenerationConfig = GenerationConfig(section) ?? defaults.GenerationConfig,
            WeightType = WeightTypeOf(section),
            Lora = Lora(section),
            KvCacheType = KvCache(section) ?? defaults.KvCacheType,
            Kernels = Kernels(section) ?? defaults.Kernels,
            ApiKeys = ApiKeys(section),
            AllowAnonymous = Boolean(section, nameof(Gemma2Options.AllowAnonymous)) ?? defaults.AllowAnonymous,
            CorsOrigins = CorsOrigins(section),
            RequestSeconds = Integer(section, nameof(Gemma2Options.RequestSeconds), 1, LongestRequest) ?? defaults.RequestSeconds,
            StartupWaitSeconds = Integer(section, nameof(Gemma2Options.StartupWaitSeconds), 0, LongestStartupWait) ?? defaults.StartupWaitSeconds,
            AdminKey = AdminKeyOf(section),
            RequestsPerMinute = Integer(section, nameof(Gemma2Options.RequestsPerMinute), 0, RateLimit.Most) ?? defaults.RequestsPerMinute,
            TokensPerMinute = Integer(section, nameof(Gemma2Options.TokensPerMinute), 0, RateLimit.Most) ?? defaults.TokensPerMinute,
            KeyLimits = KeyLimits(section) ?? defaults.KeyLimits,
            SharedLimits = Boolean(section, nameof(Gemma2Options.SharedLimits)) ?? defaults.SharedLimits,
            BatchTokensPerMinute = Integer(section, nameof(Gemma2Options.BatchTokensPerMinute), 0, RateLimit.Most) ?? defaults.BatchTokensPerMinute,
            KeyQuotas = KeyQuotas(section) ?? defaults.KeyQuotas,
            QueueLeaseSeconds = Integer(section, nameof(Gemma2Options.QueueLeaseSeconds), ShortestLease, LongestLease) ?? defaults.QueueLeaseSeconds,
            BatchChunkSeconds = Integer(section, nameof(Gemma2Options.BatchChunkSeconds), 1, LongestChunk) ?? defaults.BatchChunkSeconds,
            Prices = Prices(section),
            BatchWebhook = BatchWebhook(section),
            RetentionDays = Integer(section, nameof(Gemma2Options.RetentionDays), 1, LongestRetention),
            CallbackHosts = CallbackHosts(section),
            CallbackSecret = Secret(section),
            SharePipelines = Boolean(section, nameof(Gemma2Options.SharePipelines)) ?? defaults.SharePipelines,
        };
    }

    private static void CheckKey(IConfigurationSection entry)
    {
        if (!Keys.Contains(entry.Key, StringComparer.OrdinalIgnoreCase))
            throw new ConfigurationException($"Unknown setting {Name(entry.Key)}; allowed are {string.Join(", ", Keys.Select(Name))}.");
        if (entry.GetChildren().FirstOrDefault() is { } child)
            throw new ConfigurationException($"Unknown setting {Name(entry.Key)}__{child.Key}; {Name(entry.Key)} is a single value.");
    }

    private static string? Value(IConfigurationSection section, string key) => section[key]?.Trim() is { Length: > 0 } value ? value : null;

    private static bool? Boolean(IConfigurationSection section, string key) =>
        Value(section, key) is not { } value ? null : bool.TryParse(value, out bool parsed) ? parsed : throw Wrong(key, value, "true or false");

    private static int? Integer(IConfigurationSection section, string key, int min, int max) =>
        Value(section, key) is not { } value ? null
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int parsed) && parsed >= min && parsed <= max ? parsed
        : throw Wrong(key, value, $"integers from {min} to {max}");

    private static long? Bytes(IConfigurationSection section, string key)
    {
        if (Value(section, key) is not { } value) return null;
        int shift = char.ToUpperInvariant(value[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        bool isNumber = long.TryParse(shift > 0 ? value[..^1] : value, NumberStyles.None, CultureInfo.InvariantCulture, out long number);
        return isNumber && number > 0 && number <= long.MaxValue >> shift ? number << shift : throw Wrong(key, value, "a number of bytes, also with K, M or G behind it: 8G");
    }

    private static long? StagingMemory(IConfigurationSection section) => Bytes(section, nameof(Gemma2Options.StagingMemory)) is not { } bytes ? null
        : bytes >= ReadOptions.LeastStagingMemory ? bytes
        : throw Wrong(nameof(Gemma2Options.StagingMemory), section[nameof(Gemma2Options.StagingMemory)]!, $"a number of bytes from {ReadOptions.LeastStagingMemory >> 20}M on, also with K, M or G behind it: 512M");

    // A relative path would lead somewhere else with every way to start the app.
    private static string? CacheFolder(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.CacheFolder)) is not { } folder ? null
        : Path.IsPathFullyQualified(folder) ? folder
        : throw Wrong(nameof(Gemma2Options.CacheFolder), folder, "a folder's whole path, such as /cache");

    private static string? ToolPrompt(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.ToolPrompt)) is not { } text ? null
        : text.Contains(Grammars.Tools.ToolPrompt.Placeholder, StringComparison.Ordinal) ? text
        : throw Wrong(nameof(Gemma2Options.ToolPrompt), text, $"a text with {Grammars.Tools.ToolPrompt.Placeholder} in it");

    private static GenerationConfigUse? GenerationConfig(IConfigurationSection section) => Value(section, nameof(Gemma2Options.GenerationConfig))?.ToLowerInvariant() switch
    {
        null => null,
        "auto" => GenerationConfigUse.Auto,
        "none" => GenerationConfigUse.None,
        var other => throw Wrong(nameof(Gemma2Options.GenerationConfig), other, "auto or none"),
    };

    /// <summary>A template itself, which has tags, or the path of a file that holds one.</summary>
    private static ChatTemplateText? ChatTemplate(IConfigurationSection section)
    {
        const string key = nameof(Gemma2Options.ChatTemplate);
        if (Value(section, key) is not { } value) return null;
        if (value.Contains("{%", StringComparison.Ordinal) || value.Contains("{{", StringComparison.Ordinal)) return new ChatTemplateText(value, Name(key));
        try
        {
            return new ChatTemplateText(File.ReadAllText(value), value);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw Wrong(key, value, "a template in Jinja, or the path of a file that holds one and can be read");
        }
    }

    private static WeightType? WeightTypeOf(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.WeightType)) is not { } name ? null
        : WeightTypes.Parse(name) ?? throw Wrong(nameof(Gemma2Options.WeightType), name, string.Join(", ", WeightTypes.Words.Select(word => word.Word)));

    private static IReadOnlyList<AdapterReference> Lora(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.Lora)) is not { } list ? []
        : AdapterReference.TryParseList(list) ?? throw Wrong(nameof(Gemma2Options.Lora), list, "NAME, PATH, NAME:SCALE or PATH:SCALE, where SCALE is a number such as 0.5, each adapter once, with semicolons between them");

    private static KvCacheType? KvCache(IConfigurationSection section) => Value(section, nameof(Gemma2Options.KvCacheType))?.ToLowerInvariant() switch
    {
        null => null,
        "auto" => KvCacheType.Auto,
        "f16" => KvCacheType.F16,
        "f32" => KvCacheType.F32,
        "q8_0" => KvCacheType.Q8_0,
        var other => throw Wrong(nameof(Gemma2Options.KvCacheType), other, "auto, f16, f32 or q8_0"),
    };

    private static KernelOptions? Kernels(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.Kernels)) is not { } families ? null
        : KernelOptions.TryParse(families) ?? throw Wrong(nameof(Gemma2Options.Kernels), families, KernelOptions.Allowed);

    // The message must not show a key.
    private static IReadOnlyList<ApiKey> ApiKeys(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.ApiKeys)) is not { } list ? []
        : ApiKey.TryParseList(list) ?? throw Wrong(nameof(Gemma2Options.ApiKeys), "***", ApiKey.Allowed);

    // Nor this one.
    private static AdminKey? AdminKeyOf(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.AdminKey)) is not { } key ? null
        : AdminKey.TryParse(key, ApiKeys(section)) ?? throw Wrong(nameof(Gemma2Options.AdminKey), "***", AdminKey.Allowed);

    private static IReadOnlyList<string> CorsOrigins(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.CorsOrigins)) is not { } list ? []
        : CorsOrigin.TryParseList(list) ?? throw Wrong(nameof(Gemma2Options.CorsOrigins), list, CorsOrigin.Allowed);

    private static string[] CallbackHosts(IConfigurationSection section)
    {
        string[] hosts = Value(section, nameof(Gemma2Options.CallbackHosts))?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        return hosts.FirstOrDefault(host => !CallbackHost.IsValid(host)) is { } wrong
            ? throw Wrong(nameof(Gemma2Options.CallbackHosts), wrong, CallbackHost.Allowed)
            : hosts;
    }

    private static BatchPrice? Prices(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.Prices)) is not { } value ? null
        : BatchPrice.TryParse(value) ?? throw Wrong(nameof(Gemma2Options.Prices), value, BatchPrice.Allowed);

    // An address may hold a secret: the message must not show it.
    private static Uri? BatchWebhook(IConfigurationSection section)
    {
        if (Value(section, nameof(Gemma2Options.BatchWebhook)) is not { } value) return null;
        var rules = new CallbackRules(new Gemma2Options { Model = "", CallbackHosts = CallbackHosts(section) });
        return Uri.TryCreate(value, UriKind.Absolute, out Uri? url) && rules.WhyRefused(url) is null
            ? url
            : throw Wrong(nameof(Gemma2Options.BatchWebhook), "***", "an https address without a user name, at one of the hosts of Gemma2__CallbackHosts");
    }

    private static CallbackSecret? Secret(IConfigurationSection section) =>
        // The message must not show the secret.
        Value(section, nameof(Gemma2Options.CallbackSecret)) is not { } value ? null
        : CallbackSecret.TryParse(value) ?? throw Wrong(nameof(Gemma2Options.CallbackSecret), "***", CallbackSecret.Allowed);

    // Nor may this one: whoever takes names for keys has written keys.
    private static IReadOnlyDictionary<string, RateLimit>? KeyLimits(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.KeyLimits)) is not { } list ? null
        : RateLimit.TryParseList(list, ApiKeys(section).Select(key => key.Name).ToHashSet()) ?? throw Wrong(nameof(Gemma2Options.KeyLimits), "***", RateLimit.Allowed);

    private static IReadOnlyDictionary<string, KeyQuota>? KeyQuotas(IConfigurationSection section) =>
        Value(section, nameof(Gemma2Options.KeyQuotas)) is not { } list ? null
        : KeyQuota.TryParseList(list, ApiKeys(section).Select(key => key.Name).ToHashSet()) ?? throw Wrong(nameof(Gemma2Options.KeyQuotas), "***", KeyQuota.Allowed);

    private static string Name(string key) => $"{Gemma2Options.Section}__{key}";

    private static ConfigurationException Wrong(string key, string value, string allowed) =>
        new(value.Length > 0 ? $"{Name(key)} is '{value}'; allowed: {allowed}." : $"{Name(key)} is not set; allowed: {allowed}.");
}
