namespace Gemma2.Service.Http.Access;

/// <summary>Marks an endpoint that is there for whoever watches the app: clients on this machine need no key, and its calls count towards no limit.</summary>
internal sealed class Watching
{
    public static Watching Mark { get; } = new();

    /// <summary>Whether a request is for such an endpoint.</summary>
    public static bool IsAt(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<Watching>() is not null;
}
