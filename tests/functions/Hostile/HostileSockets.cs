using System.Text;

namespace Gemma2.Functions.Tests.Hostile;

/// <summary>Bytes that no honest client sends over a connection.</summary>
internal static class HostileSockets
{
    private const string Body = """{"model":"scripted","prompt":"Hi"}""";

    /// <summary>What is sent, by what is wrong with it. Each is answered by an error or by the end of the connection.</summary>
    public static IReadOnlyDictionary<string, byte[]> All { get; } = new Dictionary<string, byte[]>
    {
        ["two lengths"] = Post($"Content-Length: {Body.Length}\r\nContent-Length: 1\r\n", Body),
        ["two lengths in one field"] = Post($"Content-Length: {Body.Length}, 1\r\n", Body),
        ["negative length"] = Post("Content-Length: -1\r\n", Body),
        ["signed length"] = Post($"Content-Length: +{Body.Length}\r\n", Body),
        ["hexadecimal length"] = Post("Content-Length: 0x10\r\n", Body),
        ["length of 40 digits"] = Post($"Content-Length: {new string('9', 40)}\r\n", Body),
        ["length above the limit"] = Post("Content-Length: 9223372036854775807\r\n", Body),
        ["chunk of no number"] = Post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
        ["chunk of 20 digits"] = Post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"),
        ["negative chunk"] = Post("Transfer-Encoding: chunked\r\n", "-1\r\nabc\r\n0\r\n\r\n"),
        ["unknown transfer encoding"] = Post("Transfer-Encoding: gzip\r\n", Body),
        ["chunked twice"] = Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        ["chunked not last"] = Post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
        ["chunked in HTTP/1.0"] = Bytes("POST /v1/completions HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ["space before the colon"] = Post($"Content-Length : {Body.Length}\r\n", Body),
        ["folded header"] = Post("X-Folded: a\r\n b\r\n", Body),
        ["bare CR in a header"] = Post("X-Bare: a\rb\r\n", Body),
        ["bare LF instead of CRLF and no body"] = Bytes("POST /v1/completions HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 0\n\n"),
        ["NUL in a header"] = Post("X-Nul: a\0b\r\n", Body),
        ["control character in a header's name"] = Post("X-\u0001: a\r\n", Body),
        ["header without a colon"] = Post("nonsense\r\n", Body),
        ["header without a name"] = Post(": a\r\n", Body),
        ["header of 64 KB"] = Post($"X-Long: {new string('a', 64 << 10)}\r\n", Body),
        ["header section of 2 MB"] = Post(string.Concat(Enumerable.Range(0, 20_000).Select(i => $"X-{i}: {new string('a', 90)}\r\n")), Body),
        ["two thousand headers"] = Post(string.Concat(Enumerable.Range(0, 2_000).Select(i => $"X-{i}: a\r\n")), Body),
        ["no host"] = Bytes("GET /v1/models HTTP/1.1\r\n\r\n"),
        ["two hosts"] = Bytes("GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ["host with a path"] = Bytes("GET /v1/models HTTP/1.1\r\nHost: a/../b\r\n\r\n"),
        ["host with user info"] = Bytes("GET /v1/models HTTP/1.1\r\nHost: a@b\r\n\r\n"),
        ["target of another host's"] = Bytes("GET http://169.254.169.254/metadata HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target that is no address"] = Bytes("GET http://[::::]/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target of an authority"] = Bytes("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"),
        ["target of an asterisk"] = Bytes("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target of 64 KB"] = Bytes($"GET /{new string('a', 64 << 10)} HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target with NUL"] = Bytes("GET /v1/files/a%00b HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target with a bad escape"] = Bytes("GET /v1/files/%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target with half a character"] = Bytes("GET /v1/files/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target above the root"] = Bytes("GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["target above the root, escaped"] = Bytes("GET /v1/files/%2e%2e%2f%2e%2e%2fmodels HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["job above the root"] = Bytes("DELETE /v1/jobs/..%2f..%2fcompletions%2fx HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["job of another owner"] = Bytes("GET /v1/jobs/ann%2fjob HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["batch of another owner"] = Bytes("POST /v1/batches/ann%2fbatch_1/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
        ["backslashes"] = Bytes("GET \\v1\\models HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["unknown version"] = Bytes("GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
        ["no version"] = Bytes("GET /\r\n\r\n"),
        ["no method"] = Bytes(" / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["method of 10 KB"] = Bytes($"{new string('A', 10_000)} / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["method that does not exist"] = Bytes("BREW /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["TLS"] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, .. new byte[512]],
        ["zeros"] = new byte[4096],
        ["all bytes"] = [.. Enumerable.Range(0, 4096).Select(i => (byte)i)],
        ["newlines alone"] = Bytes(string.Concat(Enumerable.Repeat("\r\n", 50_000))),
        ["two requests in one, the second nonsense"] = Bytes("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n"),
    };

    private static byte[] Post(string headers, string body) =>
        Bytes($"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n{body}");

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);
}
