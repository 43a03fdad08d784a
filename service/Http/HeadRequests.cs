namespace Gemma2.Service.Http;

/// <summary>HEAD is answered wherever GET is, with the same headers and no body. Source: RFC 9110, section 9.1: a general-purpose server must support both.</summary>
internal static class HeadRequests
{
    /// <summary>Lets the routes of a group that take GET take HEAD too.</summary>
    public static RouteGroupBuilder WithHead(this RouteGroupBuilder group)
    {
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            if (endpoint.Metadata.OfType<IHttpMethodMetadata>().LastOrDefault()?.HttpMethods is { } methods
                && methods.Contains(HttpMethods.Get) && !methods.Contains(HttpMethods.Head))
                endpoint.Metadata.Add(new HttpMethodMetadata([.. methods, HttpMethods.Head]));
        });
        return group;
    }
}
