using System.Text.RegularExpressions;
using Gemma2.Backend;

namespace Gemma2.Storage;

/// <summary>
/// The name of a job, file or batch and whose it is. Two owners may use one id for two things: neither can name the other's.
/// </summary>
/// <param name="Owner">The name of the API key that made it; null for what was made without one (by the operator, or where no keys are configured).</param>
/// <param name="Id">Its id within the owner's, see <see cref="Jobs.JobId"/>.</param>
public readonly partial record struct OwnedId(string? Owner, string Id)
{
    /// <summary>What an owner may be called, for messages.</summary>
    public const string AllowedOwner = "1 to 32 lower-case letters, digits and '-'";

    /// <summary>Its place in a container: <c>ID</c> or <c>OWNER/ID</c>.</summary>
    public string Path => Owner is null ? Id : $"{Owner}/{Id}";

    /// <summary>True for 1 to 32 lower-case letters, digits and '-'.</summary>
    public static bool IsValidOwner(string owner) => OwnerPattern().IsMatch(owner);

    /// <summary>Throws unless both parts are allowed, so that no name from outside can lead to another place in storage.</summary>
    /// <exception cref="InvalidRequestException">Says what is allowed.</exception>
    public OwnedId Validated()
    {
        Jobs.JobId.Validate(Id);
        if (Owner is not null && !IsValidOwner(Owner)) throw new InvalidRequestException("owner", $"The owner is not usable; allowed are {AllowedOwner}.");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => Path;

    [GeneratedRegex(@"^[a-z0-9-]{1,32}\z")]
    private static partial Regex OwnerPattern();
}
