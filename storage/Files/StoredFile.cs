namespace Gemma2.Storage.Files;

/// <summary>A stored file: what a batch reads or has made.</summary>
/// <param name="Key">Whose it is and its id, <c>file-...</c>.</param>
/// <param name="Name">The name that its maker gave it. Never a part of a path.</param>
/// <param name="Purpose"><c>batch</c> for input, <c>batch_output</c> for what a batch made.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="CreatedAt">When it was stored, by storage's clock.</param>
/// <param name="ExpiresAt">From when on it is there no more; null where it does not expire.</param>
public sealed record StoredFile(OwnedId Key, string Name, string Purpose, long Bytes, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt = null);
