using System.Globalization;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;

namespace Gemma2.Service.Http;

/// <summary>Which part of a list a request asks for, as OpenAI's lists are asked: <c>limit</c>, <c>after</c>, <c>order</c>.</summary>
/// <param name="Limit">At most so many.</param>
/// <param name="After">Begin behind this id; null begins at the list's beginning.</param>
/// <param name="OldestFirst">Whether <c>order</c> is <c>asc</c>.</param>
internal sealed record PageQuery(int Limit, string? After, bool OldestFirst)
{
    /// <summary>How many at most.</summary>
    public const string LimitField = "limit";

    /// <summary>Where to begin.</summary>
    public const string AfterField = "after";

    /// <summary>Which end comes first.</summary>
    public const string OrderField = "order";

    /// <summary>Reads the query of a request.</summary>
    /// <exception cref="InvalidRequestException">A value is not allowed.</exception>
    public static PageQuery Read(HttpRequest request, int defaultLimit, int maxLimit) => new(
        ReadLimit(request.Query[LimitField], defaultLimit, maxLimit),
        request.Query[AfterField].ToString() is { Length: > 0 } after ? after : null,
        ReadOrder(request.Query[OrderField]) == "asc");

    /// <summary>Writes <c>{"object":"list","data":[...],"first_id","last_id","has_more"}</c>.</summary>
    public static void WriteList<T>(Utf8JsonWriter json, IReadOnlyList<T> items, bool hasMore, Func<T, string> id, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (T item in items)
            write(json, item);
        json.WriteEndArray();
        json.WriteString("first_id", items.Count > 0 ? id(items[0]) : null);
        json.WriteString("last_id", items.Count > 0 ? id(items[^1]) : null);
        json.WriteBoolean("has_more", hasMore);
        json.WriteEndObject();
    }

    private static int ReadLimit(string? value, int defaultLimit, int maxLimit) =>
        string.IsNullOrEmpty(value) ? defaultLimit
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) && limit >= 1 && limit <= maxLimit ? limit
        : throw new InvalidRequestException("limit", $"limit is '{RequestFields.Quote(value)}'; allowed are integers from 1 to {maxLimit}.");

    private static string ReadOrder(string? value) => value switch
    {
        null or "" => "desc",
        "asc" or "desc" => value,
        _ => throw new InvalidRequestException("order", $"order is '{RequestFields.Quote(value)}'; allowed are asc and desc."),
    };
}
