using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Gemma2.Cli.Arguments;

/// <summary>Options whose values are checked while the command line is parsed: a wrong one is bad usage, named with what is allowed.</summary>
internal static class Values
{
    /// <summary>An optional number.</summary>
    public static Option<T?> Number<T>(string name, string description, string allowed, Func<T, bool> isAllowed)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = "N",
            CustomParser = result =>
            {
                string text = result.Tokens[^1].Value;
                if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && isAllowed(value)) return value;
                return Reject<T?>(result, $"{name} is '{text}'; allowed is {allowed}.");
            },
        };

    /// <summary>An optional word, one of a few, in any case.</summary>
    public static Option<T?> Choice<T>(string name, string description, params (string Word, T Value)[] choices)
        where T : struct => new(name)
        {
            Description = description,
            HelpName = string.Join("|", choices.Select(choice => choice.Word)),
            CustomParser = result =>
            {
                string text = result.Tokens[^1].Value;
                foreach ((string word, T value) in choices)
                    if (word.Equals(text, StringComparison.OrdinalIgnoreCase)) return value;
                return Reject<T?>(result, $"{name} is '{text}'; allowed is {string.Join(" or ", choices.Select(choice => choice.Word))}.");
            },
        };

    /// <summary>Comma-separated token ids.</summary>
    public static Option<IReadOnlyList<int>?> Tokens(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "2,4,...",
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            return TokenIds.TryParse(text, out IReadOnlyList<int> ids)
                ? ids
                : Reject<IReadOnlyList<int>?>(result, $"{name} is '{text}'; allowed are token ids (0 or more) with commas between them.");
        },
    };

    /// <summary>Text of at least one character.</summary>
    public static Option<string?> Text(string name, string description, string helpName = "TEXT") => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result => result.Tokens[^1].Value is { Length: > 0 } text ? text : Reject<string?>(result, $"{name} is empty."),
    };

    /// <summary>Text of a certain form.</summary>
    public static Option<string?> Word(string name, string description, string helpName, string allowed, Func<string, bool> isAllowed) => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result => result.Tokens[^1].Value is var text && isAllowed(text) ? text : Reject<string?>(result, $"{name} is '{text}'; allowed are {allowed}."),
    };

    /// <summary>Text that becomes something else.</summary>
    public static Option<T?> Parsed<T>(string name, string description, string helpName, string allowed, Func<string, T?> parse)
        where T : class => new(name)
        {
            Description = description,
            HelpName = helpName,
            CustomParser = result => parse(result.Tokens[^1].Value) ?? Reject<T?>(result, $"{name} is '{result.Tokens[^1].Value}'; allowed is {allowed}."),
        };

    /// <summary>An address on the web.</summary>
    public static Option<Uri?> Address(string name, string description, int maxLength) => new(name)
    {
        Description = description,
        HelpName = "URL",
        CustomParser = result =>
            Uri.TryCreate(result.Tokens[^1].Value, UriKind.Absolute, out Uri? address)
            && address.Scheme == Uri.UriSchemeHttps && address.UserInfo.Length == 0 && address.AbsoluteUri.Length <= maxLength
                ? address
                : Reject<Uri?>(result, $"{name} is '{result.Tokens[^1].Value}'; allowed is an https address of up to {maxLength} characters, without a password."),
    };

    /// <summary>Notes, one for each time that the option is given.</summary>
    public static Option<IReadOnlyDictionary<string, string>?> Notes(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "KEY=VALUE",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result =>
        {
            var notes = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (Token token in result.Tokens)
            {
                string[] note = token.Value.Split('=', 2);
                if (note is not [{ Length: > 0 } key, var value]) return Reject<IReadOnlyDictionary<string, string>?>(result, $"{name} is '{token.Value}'; allowed is KEY=VALUE.");
                if (!notes.TryAdd(key, value)) return Reject<IReadOnlyDictionary<string, string>?>(result, $"{name} gives '{key}' twice.");
            }
            return notes;
        },
    };

    private static T? Reject<T>(ArgumentResult result, string message)
    {
        result.AddError(message);
        return default;
    }
}
