using System.Text;

namespace Gemma2.Functions.Tests.Hostile;

/// <summary>Uploads that no honest client sends.</summary>
internal static class HostileForms
{
    private const string Boundary = "limit";
    private const string Line = "{\"custom_id\":\"a\"}";
    private const string Purpose = "--limit\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n";
    private const string End = "--limit--\r\n";

    /// <summary>Content type and body, by what is wrong with them. Each is refused.</summary>
    public static IReadOnlyDictionary<string, (string Type, byte[] Body)> All { get; } = new Dictionary<string, (string, byte[])>
    {
        ["no boundary"] = ("multipart/form-data", Bytes(Purpose + File("a.jsonl") + End)),
        ["another boundary"] = ("multipart/form-data; boundary=other", Bytes(Purpose + File("a.jsonl") + End)),
        ["empty boundary"] = ("multipart/form-data; boundary=\"\"", Bytes(Purpose + File("a.jsonl") + End)),
        ["boundary of 10 KB"] = ($"multipart/form-data; boundary={new string('b', 10_000)}", Bytes(Purpose)),
        ["no form"] = ("application/json", Bytes("{}")),
        ["other multipart"] = ("multipart/mixed; boundary=limit", Bytes(Purpose + File("a.jsonl") + End)),
        ["no body"] = Form(""),
        ["only the end"] = Form(End),
        ["no file"] = Form(Purpose + End),
        ["no purpose"] = Form(File("a.jsonl") + End),
        ["wrong purpose"] = Form(Purpose.Replace("batch", "fine-tune", StringComparison.Ordinal) + File("a.jsonl") + End),
        ["purpose of a result"] = Form(Purpose.Replace("batch", "batch_output", StringComparison.Ordinal) + File("a.jsonl") + End),
        ["purpose of 1 MB"] = Form(Purpose.Replace("batch", new string('b', 1 << 20), StringComparison.Ordinal) + File("a.jsonl") + End),
        ["purpose after the file is wrong"] = Form(File("a.jsonl") + Purpose.Replace("batch", "other", StringComparison.Ordinal) + End),
        ["lifetime without seconds"] = Form(Purpose + Field("expires_after[anchor]", "created_at") + File("a.jsonl") + End),
        ["lifetime of no number"] = Form(Purpose + Field("expires_after[anchor]", "created_at") + Field("expires_after[seconds]", "1e5") + File("a.jsonl") + End),
        ["lifetime of 1 MB"] = Form(Purpose + Field("expires_after[seconds]", new string('9', 1 << 20)) + File("a.jsonl") + End),
        ["lifetime of nothing"] = Form(Purpose + Field("expires_after[anchor]", "") + Field("expires_after[seconds]", "") + File("a.jsonl") + End),
        ["lifetime after the file is wrong"] = Form(Purpose + File("a.jsonl") + Field("expires_after[anchor]", "now") + Field("expires_after[seconds]", "3600") + End),
        ["two files"] = Form(Purpose + File("a.jsonl") + File("b.jsonl") + End),
        ["two purposes"] = Form(Purpose + Purpose.Replace("batch", "other", StringComparison.Ordinal) + File("a.jsonl") + End),
        ["empty file"] = Form(Purpose + File("a.jsonl", "") + End),
        ["no file name"] = Form(Purpose + "--limit\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + Line + "\r\n" + End),
        ["empty file name"] = Form(Purpose + File("") + End),
        ["file name of 10 KB"] = Form(Purpose + File(new string('n', 10_000)) + End),
        ["not ended"] = Form(Purpose + File("a.jsonl")),
        ["cut in a header"] = Form(Purpose + "--limit\r\nContent-Disposition: form-da"),
        ["part without headers"] = Form(Purpose + "--limit\r\n\r\n" + Line + "\r\n" + End),
        ["part with nonsense for headers"] = Form(Purpose + "--limit\r\nnonsense\r\n\r\n" + Line + "\r\n" + End),
        ["part with headers of 1 MB"] = Form(Purpose + $"--limit\r\nX-Long: {new string('a', 1 << 20)}\r\n" + File("a.jsonl")["--limit\r\n".Length..] + End),
        ["part with 5,000 headers"] = Form(
            Purpose + "--limit\r\n" + string.Concat(Enumerable.Range(0, 5_000).Select(i => $"X-{i}: a\r\n")) + File("a.jsonl")["--limit\r\n".Length..] + End),
        ["10,000 parts"] = Form(string.Concat(Enumerable.Range(0, 10_000).Select(i => $"--limit\r\nContent-Disposition: form-data; name=\"f{i}\"\r\n\r\nx\r\n")) + End),
        ["unknown field"] = Form(Purpose + Purpose.Replace("purpose", "surprise", StringComparison.Ordinal) + File("a.jsonl") + End),
    };

    /// <summary>File names that would be paths or worse if they were taken at their word. Each is only a name.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["../../../etc/passwd", "..\\..\\x", "/etc/passwd", "C:\\x", "a/b.jsonl", "%2e%2e%2fx", ".", "..", "a\tb", "CON", "x.jsonl; name=y", "données.jsonl", "🦊.jsonl", "$(id)"];

    /// <summary>A file in a form, as it is before its name.</summary>
    public static (string Type, byte[] Body) Named(string name) => Form(Purpose + File(name) + End);

    private static string File(string name, string content = Line) =>
        $"--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/jsonl\r\n\r\n{content}\r\n";

    private static string Field(string name, string value) => $"--limit\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n";

    private static (string, byte[]) Form(string body) => ($"multipart/form-data; boundary={Boundary}", Bytes(body));

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
