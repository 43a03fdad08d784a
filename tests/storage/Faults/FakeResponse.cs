using System.Diagnostics.CodeAnalysis;
using Azure;
using Azure.Core;

namespace Gemma2.Storage.Tests.Faults;

/// <summary>An answer of the storage service without a body: an error, or what it says of a write.</summary>
internal sealed class FakeResponse(int status, string code, string? retryAfter, string? date = null, string? clientRequestId = null) : Response
{
    private readonly Dictionary<string, string> _headers = new (string Name, string? Value)[]
        {
            ("x-ms-error-code", status < 300 ? null : code), ("x-ms-request-id", Guid.NewGuid().ToString()), ("x-ms-version", status < 300 ? "2025-11-05" : null),
            ("ETag", status < 300 ? "\"0x1\"" : null), ("Last-Modified", status < 300 ? date : null), ("x-ms-client-request-id", clientRequestId), ("Retry-After", retryAfter), ("Date", date),
        }
        .Where(header => header.Value is not null).ToDictionary(header => header.Name, header => header.Value!, StringComparer.OrdinalIgnoreCase);

    public override int Status => status;

    public override string ReasonPhrase => code;

    public override Stream? ContentStream { get; set; } = new MemoryStream();

    public override string ClientRequestId { get; set; } = "";

    public override void Dispose() => ContentStream?.Dispose();

    protected override bool ContainsHeader(string name) => _headers.ContainsKey(name);

    protected override IEnumerable<HttpHeader> EnumerateHeaders() => _headers.Select(header => new HttpHeader(header.Key, header.Value));

    protected override bool TryGetHeader(string name, [NotNullWhen(true)] out string? value) => _headers.TryGetValue(name, out value);

    protected override bool TryGetHeaderValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
    {
        values = _headers.TryGetValue(name, out string? value) ? [value] : null;
        return values is not null;
    }
}
