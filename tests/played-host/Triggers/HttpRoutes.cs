using Gemma2.PlayedHost.App;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;

namespace Gemma2.PlayedHost.Triggers;

/// <summary>Which function answers a request: the first, in the worker's order, that has its route and its method.</summary>
internal sealed class HttpRoutes
{
    private readonly (TemplateMatcher Route, string[] Methods, Function Function)[] _routes;

    /// <summary>Reads the triggers of functions.</summary>
    public HttpRoutes(IEnumerable<Function> functions, string prefix) =>
        _routes = [.. functions.Where(function => function.TriggerType == "httpTrigger").Select(function => (Matcher(function, prefix), Methods(function), function))];

    /// <summary>Finds the function of a request; null where none answers it.</summary>
    public Function? Find(HttpRequest request) => _routes
        .Where(route => route.Methods.Contains(request.Method, StringComparer.OrdinalIgnoreCase) && route.Route.TryMatch(request.Path, []))
        .Select(route => route.Function).FirstOrDefault();

    private static TemplateMatcher Matcher(Function function, string prefix)
    {
        string route = $"{prefix}/{function.Trigger.Find("route")?.GetString() ?? function.Name}".Trim('/');
        return new TemplateMatcher(TemplateParser.Parse(route), []);
    }

    private static string[] Methods(Function function) => [.. function.Trigger.GetProperty("methods").EnumerateArray().Select(method => method.GetString()!)];
}
