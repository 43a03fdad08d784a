using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Storage;
using Gemma2.Storage.Files;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>Forms that are no upload of a file get their error, and nothing of them is stored.</summary>
public sealed class FileFormTests(AzuriteFixture azurite)
{
    private const string Type = "multipart/form-data; boundary=x";
    private const string Purpose = "--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n";
    private const string File = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{}\r\n";
    private const string Expiry = "--x\r\nContent-Disposition: form-data; name=\"expires_after[anchor]\"\r\n\r\ncreated_at\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n3600\r\n";
    private const string Anchor = "--x\r\nContent-Disposition: form-data; name=\"expires_after[anchor]\"\r\n\r\n";
    private const string Seconds = "--x\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n";
    private const string End = "--x--\r\n";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Type, Purpose + File + End)]
    [InlineData(Type, File + Purpose + End)]
    [InlineData(Type, "a preamble\r\n" + File + Purpose + End + "an epilogue")]
    [InlineData("Multipart/Form-Data; charset=utf-8; boundary=\"x\"", File + Purpose + End)]
    public async Task Post_Form_InAnyOrderIsStored(string type, string body)
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;

        using HttpResponseMessage response = await PostAsync(app, type, body);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Single(await account.BlobsAsync(StorageNames.Files));
    }

    [Theory]
    [InlineData(Purpose + Expiry + File + End)]
    [InlineData(File + Expiry + Purpose + End)]
    public async Task Post_FormWithALifetime_GivesAFileThatExpires(string body)
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;

        using HttpResponseMessage response = await PostAsync(app, Type, body);

        JsonElement file = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(file.GetProperty("created_at").GetInt64() + 3600, file.GetProperty("expires_at").GetInt64());
    }

    [Theory]
    [InlineData("purpose", Type, File + End)]
    [InlineData("file", Type, Purpose + End)]
    [InlineData("file", Type, End)]
    [InlineData("file", Type, Purpose + File + File + End)]
    [InlineData("file", Type, File + File + Purpose + End)]
    [InlineData("purpose", Type, Purpose + Purpose + File + End)]
    [InlineData("purpose", Type, "--x\r\nContent-Disposition: form-data; name=purpose\r\n\r\nassistants\r\n" + File + End)]
    [InlineData("purpose", Type, File + "--x\r\nContent-Disposition: form-data; name=purpose\r\n\r\nfine-tune\r\n" + End)]
    [InlineData("purpose", Type, "--x\r\nContent-Disposition: form-data; name=purpose\r\n\r\n\r\n" + File + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file\r\n\r\n{}\r\n" + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename=\"\"\r\n\r\n{}\r\n" + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename=\"../../etc/passwd\"\r\n\r\n{}\r\n" + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename=\"..\"\r\n\r\n{}\r\n" + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename=\"C:\\\\temp\\\\a\"\r\n\r\n{}\r\n" + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename*=utf-8''a%2Fb\r\n\r\n{}\r\n" + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename*=utf-8''a%00b\r\n\r\n{}\r\n" + End)]
    [InlineData("file", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n\r\n" + End)]
    [InlineData("expires_after[seconds]", Type, Purpose + Anchor + "created_at\r\n" + File + End)]
    [InlineData("expires_after[anchor]", Type, Purpose + Seconds + "3600\r\n" + File + End)]
    [InlineData("expires_after[anchor]", Type, Purpose + Anchor + "last_active_at\r\n" + Seconds + "3600\r\n" + File + End)]
    [InlineData("expires_after[seconds]", Type, Purpose + Anchor + "created_at\r\n" + Seconds + "3599\r\n" + File + End)]
    [InlineData("expires_after[seconds]", Type, File + Purpose + Anchor + "created_at\r\n" + Seconds + "2592001\r\n" + End)]
    [InlineData("expires_after[seconds]", Type, Purpose + Anchor + "created_at\r\n" + Seconds + "an hour\r\n" + File + End)]
    [InlineData("expires_after[seconds]", Type, Purpose + Anchor + "created_at\r\n" + Seconds + "99999999999999999999\r\n" + File + End)]
    [InlineData("expires_after[anchor]", Type, Purpose + Expiry + Expiry + File + End)]
    [InlineData("expires_after", Type, Purpose + "--x\r\nContent-Disposition: form-data; name=expires_after\r\n\r\n3600\r\n" + File + End)]
    [InlineData("", Type, "--x\r\nContent-Disposition: form-data\r\n\r\n\r\n" + File + End)]
    [InlineData(null, Type, "--x\r\n\r\nno header\r\n" + End)]
    [InlineData(null, Type, "--x\r\nContent-Disposition: attachment; name=file; filename=a\r\n\r\n{}\r\n" + End)]
    [InlineData(null, Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nnever ends")]
    [InlineData(null, Type, Purpose + "--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n{}\r\n--x")]
    [InlineData(null, Type, Purpose + "--x\r\nContent-Disp")]
    [InlineData(null, Type, "")]
    [InlineData(null, Type, "no boundary at all")]
    [InlineData(null, "multipart/form-data", Purpose + File + End)]
    [InlineData(null, "multipart/form-data; boundary=\"\"", Purpose + File + End)]
    [InlineData(null, "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", Purpose + File + End)]
    public async Task Post_WrongForm_IsRefusedAndNothingIsStored(string? parameter, string type, string body)
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;

        using HttpResponseMessage response = await PostAsync(app, type, body);

        await ErrorShape.AssertAsync(response, 400, parameter, null);
        Assert.Empty(await account.BlobsAsync(StorageNames.Files));
    }

    [Fact]
    public async Task Post_FormsOfPiecesInAnyOrder_AreStoredWholeOrRefused()
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;
        string[] pieces =
        [
            "--x", "--x--", "--", "\r\n", "\n", "\r\n\r\n", Purpose, File, File, Purpose, End, "\0", "Content-Disposition: form-data; name=file; filename=b", "Content-Disposition: ",
            "name=purpose", "batch", "filename*=utf-8''%FF%00", ";;;", "\"", ": ", "Content-Type: text/plain", "Content-Transfer-Encoding: base64", "\uFEFF", new string('y', 70_000),
        ];
        Gen<string> some = Gen.Int[0, pieces.Length - 1].Select(index => pieces[index]).Array[0, 2].Select(string.Concat);
        int stored = 0;

        await Gen.Select(some, some, some).SampleAsync(
            async (first, second, third) =>
            {
                using HttpResponseMessage response = await PostAsync(app, Type, first + Purpose + second + File + third + End);
                if (response.StatusCode == HttpStatusCode.OK)
                    Interlocked.Increment(ref stored);
                else
                    Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            },
            iter: 300,
            threads: 4);

        Assert.NotEqual(0, stored);
        Assert.Equal(stored, (await account.BlobsAsync(StorageNames.Files)).Count);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("multipart/mixed; boundary=x")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data;;; =")]
    [InlineData(null)]
    public async Task Post_OtherContentType_Is415(string? type)
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;

        using HttpResponseMessage response = await PostAsync(app, type, Purpose + File + End);

        await ErrorShape.AssertAsync(response, 415, null, "unsupported_media_type");
    }

    [Fact]
    public async Task Post_CompressedForm_Is415()
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;

        using HttpResponseMessage response = await PostAsync(app, Type, Purpose + File + End, ("Content-Encoding", "gzip"));

        await ErrorShape.AssertAsync(response, 415, null, "unsupported_media_type");
    }

    [Theory]
    [InlineData("X-Long: ", 3 << 20, 1)]
    [InlineData("X-Many: ", 10, 1_000)]
    public async Task Post_PartWithEndlessHeaders_IsRefused(string header, int length, int times)
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;
        string headers = string.Concat(Enumerable.Repeat($"{header}{new string('a', length)}\r\n", times));

        using HttpResponseMessage response = await PostAsync(app, Type, $"--x\r\n{headers}Content-Disposition: form-data; name=purpose\r\n\r\nbatch\r\n{File}{End}");

        await ErrorShape.AssertAsync(response, 400, null, null);
        Assert.Empty(await account.BlobsAsync(StorageNames.Files));
    }

    [Fact]
    public async Task Post_PurposeOfMegabytes_IsRefused()
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;

        using HttpResponseMessage response = await PostAsync(
            app, Type, $"--x\r\nContent-Disposition: form-data; name=purpose\r\n\r\nbatch{new string('x', 3 << 20)}\r\n{File}{End}");

        await ErrorShape.AssertAsync(response, 400, "purpose", null);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 1)]
    [InlineData(true, 200 << 20)]
    [InlineData(false, 200 << 20)]
    public async Task Post_TooLongFile_Is413AndNothingIsStored(bool chunked, int excess)
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files");
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new StreamContent(new ZeroStream(FileStore.MaxBytes + excess)), "file", "a.jsonl" },
        };
        request.Content = form;
        request.Headers.TransferEncodingChunked = chunked;

        try
        {
            using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);
            await ErrorShape.AssertAsync(response, 413, "file", "file_too_large");
            Assert.Contains("209715200", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }
        catch (HttpRequestException error) when (excess > 128 << 20 && error.InnerException is IOException or SocketException)
        {
            // So long that the server closes the connection while the client still sends: the client may not see why.
        }

        Assert.Empty(await account.BlobsAsync(StorageNames.Files));
    }

    [Fact]
    public async Task Post_LongestFile_IsStored()
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;
        using var form = new MultipartFormDataContent
        {
            { new StreamContent(new ZeroStream(FileStore.MaxBytes)), "file", "a.jsonl" },
            { new StringContent("batch"), "purpose" },
        };

        using HttpResponseMessage response = await app.Client.PostAsync("/v1/files", form, Cancellation);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("\"bytes\":209715200,", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Single(await account.BlobsAsync(StorageNames.Files));
    }

    [Fact]
    public async Task Post_ClientLeavesInTheMiddle_LeavesNothing()
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, app.Client.BaseAddress!.Port, Cancellation);
            string head = $"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Type: {Type}\r\nContent-Length: 100000000\r\n\r\n";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + Purpose + File[..^4] + new string('x', 9_000_000)), Cancellation);
            while ((await account.BlobsAsync(StorageNames.Files)).Count == 0)
                await Task.Delay(20, Cancellation);
        }

        while ((await account.BlobsAsync(StorageNames.Files)).Count > 0)
            await Task.Delay(20, Cancellation);
        using HttpResponseMessage alive = await PostAsync(app, Type, Purpose + File + End);
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
    }

    private async Task<(TestApp App, StorageAccount Account)> StartAsync()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        return (await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting), account);
    }

    private static async Task<HttpResponseMessage> PostAsync(TestApp app, string? type, string body, params (string Name, string Value)[] headers)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        foreach ((string name, string value) in headers)
            content.Headers.TryAddWithoutValidation(name, value);
        return await app.Client.PostAsync("/v1/files", content, Cancellation);
    }

    private sealed class ZeroStream(long length) : MemoryStream
    {
        private long _position;

        public override long Length => length;

        public override long Position { get => _position; set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = (int)Math.Min(buffer.Length, length - _position);
            buffer.Span[..count].Clear();
            _position += count;
            return ValueTask.FromResult(count);
        }

        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            byte[] buffer = new byte[1 << 20];
            while (await ReadAsync(buffer, cancellationToken) is var count and > 0)
                await destination.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
        }
    }
}
