using System.Text.RegularExpressions;
using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>What a job may be called: its id is the name of its result blob.</summary>
public static partial class JobId
{
    /// <summary>What is allowed, for messages.</summary>
    public const string Allowed = "1 to 64 letters, digits, '-' and '_'";

    /// <summary>A new id that no other job has; later ones sort later.</summary>
    public static string New() => $"job-{Guid.CreateVersion7():N}";

    /// <summary>True for 1 to 64 letters, digits, '-' and '_'.</summary>
    public static bool IsValid(string id) => Pattern().IsMatch(id);

    /// <summary>Throws unless <see cref="IsValid"/>.</summary>
    /// <exception cref="InvalidRequestException">Says what is allowed.</exception>
    public static void Validate(string id)
    {
        if (!IsValid(id)) throw new InvalidRequestException("id", $"The job id is not usable; allowed are {Allowed}.");
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex Pattern();
}
