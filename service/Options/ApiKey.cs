using System.Security.Cryptography;
using System.Text;
using Gemma2.Storage;

namespace Gemma2.Service.Options;

/// <summary>A key that clients may send, and the name of who holds it: what they make belongs to that name.</summary>
/// <param name="Name">Several keys may share one name, so that a key can be replaced by another.</param>
/// <param name="Secret">What is sent. It is never shown.</param>
internal sealed record ApiKey(string Name, string Secret)
{
    /// <summary>What a list of keys looks like, for messages.</summary>
    public const string Allowed = "NAME=KEY or KEY, separated by single commas, each key once; a name has " + OwnedId.AllowedOwner
        + ", a key 16 or more visible ASCII characters without ','; a key that holds '=' needs a name and begins with another character";

    /// <summary>Shorter keys can be guessed: a server answers many tries in a second.</summary>
    private const int ShortestSecret = 16;

    /// <summary>SHA-256 of the secret.</summary>
    public byte[] Hash { get; } = HashOf(Secret);

    /// <summary>SHA-256 of what a client sent.</summary>
    public static byte[] HashOf(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    /// <summary>Reads a list of keys; null when it is not <see cref="Allowed"/>.</summary>
    public static IReadOnlyList<ApiKey>? TryParseList(string list)
    {
        string[] entries = list.Split(',', StringSplitOptions.TrimEntries);
        ApiKey[] keys = [.. entries.Select(TryParse).OfType<ApiKey>().DistinctBy(key => key.Secret)];
        return keys.Length == entries.Length ? keys : null;
    }

    /// <summary>Whether a text is long enough for a key, and can be sent in a header.</summary>
    public static bool IsSecret(string text) => text.Length >= ShortestSecret && text.All(character => character is > ' ' and <= '~');

    // A plain key that ends with base64's '=' would be half a secret taken for a name: it is refused, as its rest begins with '=' or is empty.
    private static ApiKey? TryParse(string entry)
    {
        string[] parts = entry.Split('=', 2);
        string secret = parts[^1];
        string name = parts.Length == 2 ? parts[0] : $"key-{Convert.ToHexStringLower(HashOf(secret).AsSpan(0, 4))}";
        bool allowed = OwnedId.IsValidOwner(name) && IsSecret(secret) && secret[0] != '=';
        return allowed ? new ApiKey(name, secret) : null;
    }

    /// <summary>The name alone.</summary>
    public override string ToString() => Name;
}
