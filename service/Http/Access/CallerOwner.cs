using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Http.Access;

/// <summary>Who sent a request: the name of its API key. What a request makes is its sender's, and it sees nothing else.</summary>
internal static class CallerOwner
{
    private static readonly object Item = new();

    /// <summary>The name of the API key that the request carries; null where no keys are configured.</summary>
    public static string? Owner(this HttpContext http) => http.Items[Item] as string;

    /// <summary>Says who sent the request, once its key has been found right.</summary>
    public static void SetOwner(this HttpContext http, string name) => http.Items[Item] = name;

    /// <summary>The sender's thing of that id; null where an id cannot look like this, so that there is no such thing.</summary>
    public static OwnedId? OwnedKey(this HttpContext http, string id) => JobId.IsValid(id) ? new OwnedId(http.Owner(), id) : null;
}
