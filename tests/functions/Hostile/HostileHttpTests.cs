using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Gemma2.Storage;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Hostile;

/// <summary>Several hundred requests that no honest client sends: each gets its error, none more, and the app goes on as before.</summary>
public sealed class HostileHttpTests(AzuriteFixture azurite)
{
    private const int Seed = 3;
    private const int BodiesEach = 160;
    private const long MemoryAllowed = 512L << 20;

    private const string Text = """
        {"model":"scripted","prompt":["Hi",[2,5]],"max_tokens":4,"temperature":0.5,"top_p":0.9,"seed":1,"stop":["x"],"stream":false,"user":"me","n":1,"best_of":2,"echo":true,
         "logprobs":1,"logit_bias":{"5":-1},"stop_token_ids":[3],"min_p":0.1,"min_tokens":0,"guided_choice":["a","b"]}
        """;

    private const string Chat = """
        {"model":"scripted","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[]},{"role":"user","content":"Hi"}],"max_tokens":4,"n":2,
         "logprobs":true,"top_logprobs":2,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"a":{"type":"string","pattern":"^a+$"}}}}}}
        """;

    private const string Job = """{"id":"job-1","model":"scripted","prompt":"Hi","max_tokens":4}""";
    private const string Response = """
        {"model":"scripted","input":[{"role":"user","content":[{"type":"input_text","text":"Hi"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
         {"type":"function_call_output","call_id":"c","output":"x"}],"instructions":"x","max_output_tokens":4,"text":{"format":{"type":"text"}},"include":["message.output_text.logprobs"],
         "tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":"auto","metadata":{"a":"b"},"truncation":"auto","user":"me","store":true}
        """;

    private const string Tokenize = """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"add_special_tokens":true,"add_generation_prompt":true,"return_token_strs":true}""";
    private const string Detokenize = """{"model":"scripted","tokens":[2,5,17]}""";
    private const string Batch = """{"input_file_id":"file-1","endpoint":"/v1/completions","completion_window":"24h","metadata":{"a":"b"},"output_expires_after":{"anchor":"created_at","seconds":3600},"callback_url":"https://x.example.com/"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/v1/completions", Text)]
    [InlineData("/v1/chat/completions", Chat)]
    [InlineData("/v1/jobs", Job)]
    [InlineData("/v1/batches", Batch)]
    [InlineData("/v1/batches/estimate", Batch)]
    [InlineData("/v1/responses", Response)]
    [InlineData("/tokenize", Tokenize)]
    [InlineData("/detokenize", Detokenize)]
    public async Task Post_HostileJson_EachGetsItsError(string path, string honest)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        int refused = 0;
        foreach (byte[] body in new HostileJson(Seed).Create(honest, BodiesEach))
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using HttpResponseMessage response = await app.Client.PostAsync(path, content, Cancellation);
            if (await IsRefusedAsync(response, Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 200)))))
                refused++;
        }

        Assert.InRange(refused, BodiesEach / 2, BodiesEach);
        await AssertAsBeforeAsync(app, memory);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("gzip, gzip")]
    [InlineData("identity")]
    [InlineData("nonsense")]
    public async Task Post_Compressed_IsRefusedUnread(string encoding)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        foreach (string path in (string[])["/v1/completions", "/v1/chat/completions", "/v1/jobs", "/v1/batches", "/v1/files"])
        {
            using var content = new ByteArrayContent(Bomb()) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
            using HttpResponseMessage response = await app.Client.PostAsync(path, content, Cancellation);
            Assert.True(await IsRefusedAsync(response, path), $"{path} took a body in {encoding}.");
        }
        await AssertAsBeforeAsync(app, memory);
    }

    [Fact]
    public async Task Send_HostileBytes_EachIsAnsweredOrCutOff()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        foreach ((string what, byte[] bytes) in HostileSockets.All)
        {
            string answer = await ExchangeAsync(app, bytes);
            // "HTTP/1.1 400 Bad Request", or nothing: the end of the connection.
            Assert.True(answer.Length == 0 || answer.Split(' ') is ["HTTP/1.1", ['4', _, _] or "505", ..], $"{what}: {answer}");
        }
        await AssertAsBeforeAsync(app, memory);
    }

    [Fact]
    public async Task Post_HostileForms_AreRefusedAndLeaveNothing()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        foreach ((string what, (string type, byte[] body)) in HostileForms.All)
        {
            using HttpResponseMessage response = await UploadAsync(app, type, body);
            Assert.True(await IsRefusedAsync(response, what), $"{what} was taken.");
        }
        Assert.Empty(await account.BlobsAsync(StorageNames.Files));
        await AssertAsBeforeAsync(app, memory);
    }

    [Fact]
    public async Task Post_FileNamesLikePaths_AreNamesOnly()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        int taken = 0;
        foreach (string name in HostileForms.Names)
        {
            (string type, byte[] body) = HostileForms.Named(name);
            using HttpResponseMessage response = await UploadAsync(app, type, body);
            if (await IsRefusedAsync(response, name))
                continue;
            taken++;
            string id = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation)).GetProperty("id").GetString()!;
            Assert.Matches("^file-[0-9a-f]{32}$", id);
            using HttpResponseMessage content = await app.Client.GetAsync($"/v1/files/{id}/content", Cancellation);
            Assert.Equal(HttpStatusCode.OK, content.StatusCode);
        }
        Assert.Equal(taken, (await account.BlobsAsync(StorageNames.Files)).Count);
    }

    private static async Task<HttpResponseMessage> UploadAsync(TestApp app, string type, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return await app.Client.PostAsync("/v1/files", content, Cancellation);
    }

    /// <summary>True for an error that is the client's, in OpenAI's shape; false for a success. Any other answer fails the test.</summary>
    private static async Task<bool> IsRefusedAsync(HttpResponseMessage response, string what)
    {
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        if (response.IsSuccessStatusCode)
            return false;
        Assert.True((int)response.StatusCode is >= 400 and < 500, $"{what}: {(int)response.StatusCode} {body}");
        JsonElement error = JsonElement.Parse(body).GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(field => field.Name));
        string message = error.GetProperty("message").GetString()!;
        Assert.False(message.Length is 0 or > 1000 || message.Contains('\n', StringComparison.Ordinal) || message.Contains(" at Gemma2.", StringComparison.Ordinal), $"{what}: {message}");
        return true;
    }

    /// <summary>Sends bytes on a connection of their own; the first line of the answer, empty where the connection ends without one.</summary>
    private static async Task<string> ExchangeAsync(TestApp app, byte[] bytes)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, app.Client.BaseAddress!.Port, Cancellation);
        await using NetworkStream stream = client.GetStream();
        try
        {
            await stream.WriteAsync(bytes, Cancellation);
            // Nothing more comes: an app that waits for more learns so.
            client.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            return await reader.ReadLineAsync(Cancellation) ?? "";
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            // Cut off while it was still being sent.
            return "";
        }
    }

    /// <summary>64 MB of spaces in 64 KB.</summary>
    private static byte[] Bomb()
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.SmallestSize))
        {
            byte[] spaces = new byte[1 << 20];
            spaces.AsSpan().Fill((byte)' ');
            for (int i = 0; i < 64; i++)
                gzip.Write(spaces);
        }
        return bytes.ToArray();
    }

    private static async Task AssertAsBeforeAsync(TestApp app, long memoryBefore)
    {
        using HttpResponseMessage response = await app.PostAsync("/v1/completions", Text);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        long grown = GC.GetTotalMemory(forceFullCollection: true) - memoryBefore;
        Assert.True(grown < MemoryAllowed, $"{grown >> 20} MiB are still held.");
    }
}
