namespace Gemma2.Service.Http;

/// <summary>
/// The paths under which clouds offer the same routes. Azure: <c>/openai/v1/...</c>, <c>/openai/...</c> with an <c>api-version</c>, which says nothing here, and
/// <c>/openai/deployments/NAME/...</c>, where a deployment's name is that of the model. Microsoft Foundry's path for Anthropic's API: <c>/anthropic/v1/...</c>.
/// A request on one of them is routed as the same without, so that every route is there; for all else it keeps its path.
/// </summary>
internal static class OtherPaths
{
    private const string V1 = "/v1";
    private const string Azure = "/openai";
    private const string Foundry = "/anthropic";
    private const string Deployments = Azure + "/deployments";

    private static readonly object Item = new();

    // The routes whose body names a model. Azure has no others below a deployment.
    private static readonly string[] OfDeployments = ["/chat/completions", "/completions", "/embeddings"];

    /// <summary>Adds routing.</summary>
    public static void UseRoutingOfOtherPaths(this IApplicationBuilder app)
    {
        app.Use((http, next) =>
        {
            http.Items[Item] = http.Request.Path;
            http.Request.Path = Usual(http.Request.Path);
            return next(http);
        });
        app.UseRouting();
        app.Use((http, next) =>
        {
            http.Request.Path = (PathString)http.Items[Item]!;
            return next(http);
        });
    }

    /// <summary>Whether a path is one of Azure's.</summary>
    public static bool IsAzures(PathString path) => path.StartsWithSegments(Azure);

    /// <summary>Whether a path is one of Anthropic's API.</summary>
    public static bool IsAnthropics(PathString path) => path.StartsWithSegments("/v1/messages") || path.StartsWithSegments(Foundry);

    /// <summary>The deployment that a request's path names; null where it names none.</summary>
    public static string? Deployment(this HttpContext http) =>
        // A slash that was escaped arrives escaped, everything else does not.
        Split(http.Request.Path)?.Deployment.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static PathString Usual(PathString path)
    {
        if (Split(path) is { } parts)
            return OfDeployments.Contains(parts.Route, StringComparer.OrdinalIgnoreCase) ? V1 + parts.Route : path;
        foreach (string root in (string[])[Azure + V1, Azure, Foundry + V1])
            if (path.StartsWithSegments(root, out PathString rest))
                return V1 + rest;
        return path;
    }

    private static (string Deployment, string Route)? Split(PathString path)
    {
        if (!path.StartsWithSegments(Deployments, out PathString below) || below.Value is not ['/', .. var named])
            return null;
        int end = named.IndexOf('/', StringComparison.Ordinal);
        return end < 0 ? (named, "") : (named[..end], named[end..].TrimEnd('/'));
    }
}
