using System.Text.Json;

namespace Gemma2.PlayedHost.App;

/// <summary>Finds what may be missing in JSON.</summary>
internal static class JsonPaths
{
    /// <summary>The value at the end of a path; null where it is not there.</summary>
    public static JsonElement? Find(this JsonElement element, params ReadOnlySpan<string> path)
    {
        foreach (string name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element)) return null;
        }
        return element;
    }
}
