namespace Gemma2.Service.Http.Access;

/// <summary>Marks an endpoint that is the operator's: the admin key opens it, and no client's.</summary>
/// <param name="Name">The method and the path, for messages.</param>
internal sealed record AdminRoute(string Name);
