using System.Text.RegularExpressions;

namespace Gemma2.Service.Options;

/// <summary>What callbacks are signed with. It shows itself to nobody.</summary>
internal sealed class CallbackSecret(byte[] bytes)
{
    /// <summary>What is allowed, for messages.</summary>
    public const string Allowed = "whsec_ and base64 of 24 to 64 bytes, as Standard Webhooks has it";

    private const string Prefix = "whsec_";

    public byte[] Bytes { get; } = bytes;

    /// <summary>Reads <c>whsec_BASE64</c>; null when it is none.</summary>
    public static CallbackSecret? TryParse(string text)
    {
        byte[] buffer = new byte[text.Length];
        return text.StartsWith(Prefix, StringComparison.Ordinal) && Convert.TryFromBase64String(text[Prefix.Length..], buffer, out int length) && length is >= 24 and <= 64
            ? new CallbackSecret(buffer[..length])
            : null;
    }

    public override string ToString() => "***";
}

/// <summary>A host that callbacks may go to: <c>example.com</c>, or <c>*.example.com</c> for all below it.</summary>
internal static partial class CallbackHost
{
    /// <summary>What is allowed, for messages.</summary>
    public const string Allowed = "host names such as example.com or *.example.com, separated by single commas";

    public static bool IsValid(string host) => Pattern().IsMatch(host);

    [GeneratedRegex(@"^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+\z", RegexOptions.IgnoreCase)]
    private static partial Regex Pattern();
}
