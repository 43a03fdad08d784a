namespace Gemma2.Service.Options;

/// <summary>The operator's key for <c>/admin</c>. It shows itself to nobody.</summary>
internal sealed class AdminKey
{
    /// <summary>What is allowed, for messages.</summary>
    public const string Allowed = "16 or more visible ASCII characters that are none of Gemma2__ApiKeys";

    private AdminKey(string secret) => Hash = ApiKey.HashOf(secret);

    /// <summary>SHA-256 of the secret.</summary>
    public byte[] Hash { get; }

    /// <summary>Reads a key; null when it is not <see cref="Allowed"/>.</summary>
    /// <param name="text">The key.</param>
    /// <param name="others">The keys of clients.</param>
    public static AdminKey? TryParse(string text, IReadOnlyList<ApiKey> others) =>
        ApiKey.IsSecret(text) && others.All(key => key.Secret != text) ? new AdminKey(text) : null;

    /// <inheritdoc />
    public override string ToString() => "***";
}
