namespace Gemma2.Storage.Batches;

/// <summary>What the lines of a batch may call. Azure's batches leave the version out of it: <c>/chat/completions</c> is <c>/v1/chat/completions</c>.</summary>
public static class BatchEndpoint
{
    /// <summary>What is allowed, for messages.</summary>
    public static string Allowed => $"{string.Join(", ", All)}, also without {Version}";

    /// <summary>The endpoints, with their version.</summary>
    public static IReadOnlyList<string> All { get; } = ["/v1/chat/completions", "/v1/completions", "/v1/responses"];

    private const string Version = "/v1";

    /// <summary>The endpoint that a path names in either spelling, with its version; null where it names none.</summary>
    public static string? TryFind(string path) => All.FirstOrDefault(endpoint => path == endpoint || path == endpoint[Version.Length..]);
}
