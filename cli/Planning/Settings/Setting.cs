using System.CommandLine;
using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Gemma2.Cli.Planning.Settings;

/// <summary>One input of a plan: the option <c>--some-name</c> of the command line and the key <c>some_name</c> of a scenario file, checked alike.</summary>
internal abstract class Setting(string key)
{
    /// <summary>The key in a scenario file.</summary>
    public string Key { get; } = key;

    /// <summary>The option's name on the command line.</summary>
    public string OptionName { get; } = "--" + key.Replace('_', '-');

    /// <summary>The option of the command line.</summary>
    public abstract Option Option { get; }

    /// <summary>The value on the command line; null where it was not given.</summary>
    public abstract object? Given(ParseResult parse);

    /// <summary>The value in a scenario file.</summary>
    /// <param name="value">What the file has under <see cref="Key"/>.</param>
    /// <param name="file">The file; paths in it are relative to its folder.</param>
    /// <exception cref="PlanException">The value is not allowed.</exception>
    public abstract object Read(JsonElement value, string file);

    /// <summary>A number.</summary>
    public static Setting<T> Number<T>(string key, string description, string allowed, Func<T, bool> isAllowed) where T : struct, INumber<T> =>
        new(key, description, "N", allowed, JsonValueKind.Number, (string text, out T value) =>
            T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && isAllowed(value));

    /// <summary>A word, one of a few.</summary>
    public static Setting<T> Choice<T>(string key, string description, params IReadOnlyList<(string Word, T Value)> choices) where T : notnull
    {
        string[] words = [.. choices.Select(choice => choice.Word)];
        return new(key, description, string.Join("|", words), string.Join(", ", words), JsonValueKind.String, (string text, out T value) =>
        {
            (string? word, value) = choices.FirstOrDefault(choice => choice.Word == text);
            return word is not null;
        });
    }

    /// <summary>A text.</summary>
    public static Setting<string> Text(string key, string description, string helpName) =>
        new(key, description, helpName, "a text that is not empty", JsonValueKind.String, IsNotEmpty);

    /// <summary>The path of a file, or a word that stands for one.</summary>
    public static Setting<string> File(string key, string description, params IReadOnlyList<string> words) =>
        new(key, description, string.Join("|", words.Append("FILE")), string.Join(" or ", words.Append("the path of a file")), JsonValueKind.String, IsNotEmpty,
            (path, folder) => words.Contains(path) ? path : Path.Combine(folder, path));

    private static bool IsNotEmpty(string text, out string value)
    {
        value = text;
        return text.Length > 0;
    }
}

/// <summary>An input of one type.</summary>
internal sealed class Setting<T> : Setting where T : notnull
{
    private readonly Option<T?> _option;
    private readonly string _allowed;
    private readonly JsonValueKind _kind;
    private readonly Parser _parse;
    private readonly Func<T, string, T>? _relativeTo;

    /// <summary>Describes an input.</summary>
    /// <param name="key">The key in a scenario file.</param>
    /// <param name="description">For the help.</param>
    /// <param name="helpName">What stands for the value in the help.</param>
    /// <param name="allowed">The allowed values in words.</param>
    /// <param name="kind">What the value is in JSON: a number or a string.</param>
    /// <param name="parse">Reads and checks the value.</param>
    /// <param name="relativeTo">Makes a path that is relative to a scenario file's folder one that can be opened.</param>
    public Setting(string key, string description, string helpName, string allowed, JsonValueKind kind, Parser parse, Func<T, string, T>? relativeTo = null)
        : base(key)
    {
        (_allowed, _kind, _parse, _relativeTo) = (allowed, kind, parse, relativeTo);
        _option = new Option<T?>(OptionName)
        {
            Description = description,
            HelpName = helpName,
            CustomParser = result =>
            {
                string text = result.Tokens[^1].Value;
                if (_parse(text, out T value)) return value;
                result.AddError($"{OptionName} is '{text}'; allowed is {_allowed}.");
                return default;
            },
        };
    }

    /// <summary>Reads a value; false when it is not allowed.</summary>
    public delegate bool Parser(string text, out T value);

    /// <inheritdoc/>
    public override Option Option => _option;

    /// <inheritdoc/>
    public override object? Given(ParseResult parse) => parse.GetResult(_option) is null ? null : parse.GetValue(_option);

    /// <inheritdoc/>
    public override object Read(JsonElement value, string file)
    {
        if (value.ValueKind != _kind || !_parse(value.ToString(), out T parsed))
            throw new PlanException($"{file}: {Key} is {PlanFile.Show(value)}; allowed is {_allowed}.");
        return _relativeTo is null ? parsed : _relativeTo(parsed, Path.GetDirectoryName(Path.GetFullPath(file))!);
    }
}
