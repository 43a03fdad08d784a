using System.ClientModel;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Gemma2.Storage;
using Gemma2.Testing;
using OpenAI.Files;

namespace Gemma2.Functions.Tests;

/// <summary>The official OpenAI client stores, lists, reads and deletes files.</summary>
public sealed class FilesEndpointTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, "input.jsonl")]
    [InlineData(9_000_000, "Grüße 世界.jsonl")]
    public async Task Upload_OfficialClient_GivesTheFileBack(int length, string name)
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;
        OpenAIFileClient client = app.OpenAIClient().GetOpenAIFileClient();
        byte[] content = RandomNumberGenerator.GetBytes(length);
        DateTimeOffset before = DateTimeOffset.UtcNow.AddSeconds(-2);

        OpenAIFile file = await client.UploadFileAsync(new MemoryStream(content), name, FileUploadPurpose.Batch, Cancellation);

        Assert.Equal((name, (long?)length, FilePurpose.Batch), (file.Filename, file.SizeInBytesLong, file.Purpose));
        Assert.InRange(file.CreatedAt, before, DateTimeOffset.UtcNow.AddSeconds(2));
        OpenAIFile found = await client.GetFileAsync(file.Id, Cancellation);
        Assert.Equal((file.Id, file.Filename, file.SizeInBytesLong, file.CreatedAt), (found.Id, found.Filename, found.SizeInBytesLong, found.CreatedAt));
        Assert.Equal(content, (await client.DownloadFileAsync(file.Id, Cancellation)).Value.ToArray());
    }

    [Fact]
    public async Task Get_File_HasOpenAIsShape()
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;
        string id = await UploadAsync(app, "input.jsonl");

        JsonElement file = JsonElement.Parse(await app.Client.GetStringAsync($"/v1/files/{id}", Cancellation));

        Assert.Equal(["id", "object", "bytes", "created_at", "expires_at", "filename", "purpose", "status"], file.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("file", "batch", "processed"), (file.GetProperty("object").GetString(), file.GetProperty("purpose").GetString(), file.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task GetContent_File_HasItsLength()
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;
        string id = await UploadAsync(app, "input.jsonl", 5_000_000);

        using HttpResponseMessage response = await app.Client.GetAsync($"/v1/files/{id}/content", HttpCompletionOption.ResponseHeadersRead, Cancellation);

        Assert.Equal((5_000_000, "application/octet-stream"), (response.Content.Headers.ContentLength, response.Content.Headers.ContentType?.MediaType));
    }

    [Fact]
    public async Task List_SeveralFiles_IsPagedBothWays()
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;
        var ids = new List<string>();
        for (int i = 0; i < 5; i++)
        {
            ids.Add(await UploadAsync(app, $"{i}.jsonl"));
            // The next id is of a later millisecond.
            await Task.Delay(2, Cancellation);
        }

        await AssertListAsync(app, "", ids.AsEnumerable().Reverse(), false);
        await AssertListAsync(app, "?order=asc", ids, false);
        await AssertListAsync(app, "?order=asc&limit=2", ids[..2], true);
        await AssertListAsync(app, $"?order=asc&limit=2&after={ids[1]}", ids[2..4], true);
        await AssertListAsync(app, $"?order=asc&limit=2&after={ids[3]}", ids[4..], false);
        await AssertListAsync(app, $"?limit=2&after={ids[3]}", [ids[2], ids[1]], true);
        await AssertListAsync(app, "?limit=5", ids.AsEnumerable().Reverse(), false);
        await AssertListAsync(app, "?limit=4", ids.Skip(1).Reverse(), true);
        await AssertListAsync(app, $"?limit=2&after={ids[2]}", [ids[1], ids[0]], false);
        await AssertListAsync(app, $"?after={ids[0]}", [], false);
        await AssertListAsync(app, $"?order=asc&after={ids[4]}", [], false);
        // A place in the list does not need a file: the one that was there may be deleted.
        await AssertListAsync(app, $"?limit=2&after={ids[3]}x", [ids[3], ids[2]], true);
        await AssertListAsync(app, "?purpose=batch&limit=2", [ids[4], ids[3]], true);
        await AssertListAsync(app, "?purpose=batch", ids.AsEnumerable().Reverse(), false);
        await AssertListAsync(app, "?purpose=batch_output", [], false);
        Assert.Equal(5, (await app.OpenAIClient().GetOpenAIFileClient().GetFilesAsync(FilePurpose.Batch, Cancellation)).Value.Count);
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=10001", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("limit=1&limit=2", "limit")]
    [InlineData("order=up", "order")]
    public async Task List_WrongQuery_IsRefusedByName(string query, string parameter)
    {
        (TestApp app, _) = await StartAsync();
        await using TestApp _app = app;

        using HttpResponseMessage response = await app.Client.GetAsync($"/v1/files?{query}", Cancellation);

        await ErrorShape.AssertAsync(response, 400, parameter, null);
    }

    [Fact]
    public async Task Delete_OfficialClient_DeletesOnce()
    {
        (TestApp app, StorageAccount account) = await StartAsync();
        await using TestApp _app = app;
        OpenAIFileClient client = app.OpenAIClient().GetOpenAIFileClient();
        string id = await UploadAsync(app, "input.jsonl");

        FileDeletionResult deleted = await client.DeleteFileAsync(id, Cancellation);

        Assert.Equal((id, true), (deleted.FileId, deleted.Deleted));
        Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(() => client.DeleteFileAsync(id, Cancellation))).Status);
        Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(() => client.GetFileAsync(id, Cancellation))).Status);
        Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(() => client.DownloadFileAsync(id, Cancellation))).Status);
        Assert.Empty(await account.BlobsAsync(StorageNames.Files));
    }

    [Theory]
    [InlineData("/v1/files")]
    [InlineData("/v1/files/file-1")]
    [InlineData("/v1/batches")]
    [InlineData("/v1/batches/batch_1")]
    public async Task Get_AppWithoutStorage_SaysSo(string path)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.Client.GetAsync(path, Cancellation);

        await ErrorShape.AssertAsync(response, 501, null, "no_storage");
    }

    private async Task<(TestApp App, StorageAccount Account)> StartAsync()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        return (await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting), account);
    }

    private static async Task<string> UploadAsync(TestApp app, string name, int length = 3) =>
        (await app.OpenAIClient().GetOpenAIFileClient().UploadFileAsync(new MemoryStream(new byte[length]), name, FileUploadPurpose.Batch, Cancellation)).Value.Id;

    private static async Task AssertListAsync(TestApp app, string query, IEnumerable<string> ids, bool hasMore)
    {
        JsonElement list = JsonElement.Parse(await app.Client.GetStringAsync("/v1/files" + query, Cancellation));
        Assert.Equal("list", list.GetProperty("object").GetString());
        Assert.Equal(ids, list.GetProperty("data").EnumerateArray().Select(file => file.GetProperty("id").GetString()));
        Assert.Equal((ids.FirstOrDefault(), ids.LastOrDefault()), (list.GetProperty("first_id").GetString(), list.GetProperty("last_id").GetString()));
        Assert.Equal(hasMore, list.GetProperty("has_more").GetBoolean());
    }
}
