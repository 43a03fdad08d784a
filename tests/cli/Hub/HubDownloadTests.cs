using System.Security.Cryptography;
using Gemma2.Backend;
using Gemma2.Cli.Hub;
using Gemma2.Cli.Models;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests.Hub;

/// <summary>What comes from the hub is what the hub has, whatever happens on the way.</summary>
public sealed class HubDownloadTests : HubTest
{
    // Several ranges of the file are under way at once.
    private static readonly byte[] Weights = RandomNumberGenerator.GetBytes(3_000_000);

    private static readonly (string, byte[])[] Model =
    [
        ("README.md", "not a part of the model"u8.ToArray()), ("config.json", "{}"u8.ToArray()), ("model.safetensors", Weights), ("original/model.safetensors", [1]),
        ("tokenizer.model", RandomNumberGenerator.GetBytes(50_000)),
    ];

    [Fact]
    public async Task Download_Folder_BringsWhatAModelNeeds()
    {
        Hub.Commit(Repository, Model);

        FolderDownload download = await DownloadAsync();

        AssertThere();
        Assert.Equal(3_050_002, download.BytesFetched);
        Assert.True(Hub.Calls.Count(call => call.IsStore && call.Begin > 0) > 5, "The weights came in ranges.");
    }

    [Fact]
    public async Task Download_Token_GoesToTheHubAlone()
    {
        Hub.Commit(Repository, Model);
        Hub.Gate(Repository);
        Hub.Hide(Repository);

        await DownloadAsync(client: Client(FakeHub.Token));

        AssertThere();
        Assert.Contains(Hub.Calls, call => call.IsStore);
        Assert.All(Hub.Calls, call => Assert.Equal(call.IsStore ? null : $"Bearer {FakeHub.Token}", call.Authorization));
    }

    [Fact]
    public async Task Download_EveryConnectionIsCut_GoesOnWhereItWas()
    {
        Hub.Commit(Repository, Model);
        Hub.Play(FakeHub.CutAfter(100_000), Hub.IsStore);

        await DownloadAsync();

        AssertThere();
        Assert.Contains(Hub.Calls, call => call.Begin % (256 << 10) == 100_000);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(408)]
    public async Task Download_HubFailsForAWhile_TriesAgain(int status)
    {
        Hub.Commit(Repository, Model);
        Hub.Play(FakeHub.Status(status), _ => true, times: 6);

        await DownloadAsync();

        AssertThere();
    }

    [Theory]
    [InlineData("Retry-After", "1")]
    [InlineData("RateLimit", "\"resolvers\";r=0;t=1")]
    public async Task Download_TooManyRequests_WaitsAsLongAsTheHubAsks(string header, string value)
    {
        Hub.Commit(Repository, Model);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Hub.Play(FakeHub.Status(429, (header, value)), _ => true, times: 1);

        await DownloadAsync();

        AssertThere();
        Assert.True(clock.Elapsed > TimeSpan.FromSeconds(0.99), $"It waited {clock.Elapsed}.");
    }

    [Fact]
    public async Task Download_HubStaysAway_SaysSo()
    {
        Hub.Commit(Repository, Model);
        Hub.Play(FakeHub.Status(503, ("X-Error-Message", "Service is under maintenance")), _ => true);

        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync());

        Assert.Equal("hf:google/gemma-2-test: the hub answers 503 (Service is under maintenance).", error.Message);
        Assert.Equal(8, Hub.Calls.Count);
    }

    [Fact]
    public async Task Download_RangeStalls_IsTriedAnew()
    {
        Hub.Commit(Repository, Model);
        Hub.Play(FakeHub.Hang, Hub.IsStore, times: 1);

        await DownloadAsync(client: Client(tuning: new HubTuning { StallTimeout = TimeSpan.FromMilliseconds(500), BaseDelay = TimeSpan.FromMilliseconds(1) }));

        AssertThere();
    }

    [Fact]
    public async Task Download_LinkExpires_AsksForANewOne()
    {
        Hub.Commit(Repository, Model);
        int given = 0;
        Hub.Play(_ =>
        {
            if (Interlocked.Increment(ref given) == 6) Hub.ExpireLinks();
            return Task.FromResult(false);
        }, Hub.IsStore);

        await DownloadAsync();

        AssertThere();
        Assert.True(given > 6, "The store was asked after the links had expired.");
    }

    [Fact]
    public async Task Download_Links_AreUsedWhileTheyLast()
    {
        Hub.Commit(Repository, Model);

        await DownloadAsync();

        int asked = Hub.Calls.Count(call => !call.IsStore && call.Path.EndsWith("model.safetensors", StringComparison.Ordinal)), ranges = Hub.Calls.Count(call => call.IsStore);
        Assert.True(asked < ranges, $"The hub was asked {asked} times for {ranges} ranges.");
    }

    [Fact]
    public async Task Download_DamagedWeights_FailsAndLeavesNothing()
    {
        Hub.Commit(Repository, Model);
        Hub.Damage(Weights);

        var error = await Assert.ThrowsAsync<ModelException>(() => DownloadAsync());

        Assert.StartsWith("hf:google/gemma-2-test/model.safetensors is damaged: its SHA-256 ", error.Message, StringComparison.Ordinal);
        Assert.Equal(["config.json"], There());
    }

    [Fact]
    public async Task Download_DamagedSmallFile_FailsAndLeavesNothing()
    {
        Hub.Commit(Repository, Model);
        Hub.Play(async context =>
        {
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = "bytes 0-1/2";
            context.Response.ContentLength = 2;
            await context.Response.Body.WriteAsync("[]"u8.ToArray());
            return true;
        }, context => context.Request.Path.Value!.Contains("resolve-cache"));

        var error = await Assert.ThrowsAsync<ModelException>(() => DownloadAsync());

        Assert.Equal(
            "hf:google/gemma-2-test/config.json is damaged: its Git hash 0637a088a01e8ddab3bf3fa98dbe804cbde1a0dc is not 9e26dfeeb6e641a33dae4961196235bdb965b21b.", error.Message);
        Assert.Empty(There());
    }

    [Theory]
    [InlineData(206, "bytes 0-9/10", "has 10 bytes, but the hub lists it with 3000000")]
    [InlineData(206, "bytes 7-16/3000000", "answers another range")]
    [InlineData(416, "bytes */10", "is shorter, but the hub lists it with 3000000")]
    [InlineData(200, null, "answers 200 where a range was asked for")]
    public async Task Download_AnotherRangeThanAskedFor_Fails(int status, string? range, string message)
    {
        Hub.Commit(Repository, Model);
        Hub.Play(async context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.ContentRange = range;
            if (status < 300) await context.Response.Body.WriteAsync(new byte[10]);
            return true;
        }, Hub.IsStore);

        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync());

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("model.safetensors", There());
    }

    [Fact]
    public async Task Download_Interrupted_GoesOnLater()
    {
        Hub.Commit(Repository, Model);
        int given = 0;
        Hub.Play(FakeHub.Status(404), context => Hub.IsStore(context) && Interlocked.Increment(ref given) > 6);
        await Assert.ThrowsAsync<HubException>(() => DownloadAsync());
        Assert.Equal(2, There().Length);
        Assert.EndsWith(".partial", There()[1], StringComparison.Ordinal);
        long kept = new FileInfo(Path.Combine(Folder, There()[1])).Length;
        Assert.True(kept > 0, "The begin of the file is kept.");
        Hub.Stop();
        Hub.Forget();

        FolderDownload download = await DownloadAsync();

        AssertThere();
        Assert.Equal(3_050_000 - kept, download.BytesFetched);
        Assert.Equal(1, download.FilesSkipped);
        Assert.Single(Hub.Calls, call => call.IsStore && call.Begin == 0);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(3_000_000)]
    [InlineData(4_000_000)]
    public async Task Download_PartialFileIsWrong_BeginsAnew(int bytes)
    {
        Hub.Commit(Repository, Model);
        Directory.CreateDirectory(Folder);
        string partial = Path.Combine(Folder, $"model.safetensors.{Convert.ToHexStringLower(SHA256.HashData(Weights))[..12]}.partial");
        await File.WriteAllBytesAsync(partial, new byte[bytes], Cancel);
        await File.WriteAllBytesAsync(Path.Combine(Folder, "model.safetensors.000000000000.partial"), [1], Cancel);

        await DownloadAsync();

        AssertThere();
    }

    [Fact]
    public async Task Download_Again_BringsOnlyWhatIsNotThere()
    {
        Hub.Commit(Repository, Model);
        await DownloadAsync();
        byte[] changed = Read("tokenizer.model");
        changed[0] ^= 1;
        await File.WriteAllBytesAsync(Path.Combine(Folder, "tokenizer.model"), changed, Cancel);

        FolderDownload download = await DownloadAsync();

        AssertThere();
        Assert.Equal((50_000, 2), (download.BytesFetched, download.FilesSkipped));
    }

    [Fact]
    public async Task Download_RevisionMovesMeanwhile_StaysAtItsCommit()
    {
        Hub.Commit(Repository, Model);
        Hub.Play(context =>
        {
            Hub.Commit(Repository, ("config.json", "[]"u8.ToArray()), ("model.safetensors", new byte[10]));
            return Task.FromResult(false);
        }, context => context.Request.Path.Value!.Contains("/resolve/"), times: 1);

        await DownloadAsync();

        AssertThere();
    }

    [Theory]
    [InlineData("hf:google/gemma-2-test@v1", "old")]
    [InlineData("hf:google/gemma-2-test@refs/pr/7", "pr")]
    [InlineData("hf:google/gemma-2-test", "new")]
    public async Task Download_Revision_IsTheOneThatWasNamed(string reference, string config)
    {
        Hub.Tag(Repository, "v1", Commit("old"));
        Hub.Tag(Repository, "refs/pr/7", Commit("pr"));
        Commit("new");

        await DownloadAsync(reference);

        Assert.Equal(config, System.Text.Encoding.ASCII.GetString(Read("config.json")));
    }

    [Theory]
    [InlineData("hf:google/nothing", null, "hf:google/nothing does not exist, or is private: then HF_TOKEN must hold a token that may read it.")]
    [InlineData("hf:google/nothing", FakeHub.Token, "hf:google/nothing does not exist, or is private and the token in HF_TOKEN may not read it.")]
    [InlineData("hf:google/gemma-2-test@v9", null, "hf:google/gemma-2-test has no revision 'v9'.")]
    [InlineData("hf:google/gemma-2-test", "hf_wrong", "The hub does not take the token in HF_TOKEN: it is wrong, or has expired.")]
    [InlineData("hf:google/gated", null, "hf:google/gated is gated: accept its terms at HUB/google/gated, and give a token of that account in HF_TOKEN.")]
    [InlineData(
        "hf:google/gated", FakeHub.OtherToken, "hf:google/gated is gated, and the account of the token has no access: accept its terms at HUB/google/gated; a fine-grained token must allow gated repositories.")]
    public async Task Download_NotForEverybody_SaysWhatToDo(string reference, string? token, string message)
    {
        Hub.Commit(Repository, Model);
        Hub.Commit("google/gated", Model);
        Hub.Gate("google/gated");

        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(reference, Client(token)));

        Assert.Equal(message.Replace("HUB", Hub.Address.ToString().TrimEnd('/'), StringComparison.Ordinal), error.Message);
        Assert.Empty(There());
    }

    [Fact]
    public async Task Download_RedirectsWithoutEnd_Fails()
    {
        Hub.Commit(Repository, Model);
        Hub.Play(FakeHub.Status(302, ("Location", "/again")), _ => true);

        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync());

        Assert.Contains("redirects to nowhere, or on and on", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_PartialFileInUse_SaysSo()
    {
        Hub.Commit(Repository, Model);
        Directory.CreateDirectory(Folder);
        string partial = Path.Combine(Folder, $"model.safetensors.{Convert.ToHexStringLower(SHA256.HashData(Weights))[..12]}.partial");
        await using var other = new FileStream(partial, FileMode.Create, FileAccess.ReadWrite, FileShare.None);

        var error = await Assert.ThrowsAsync<IOException>(() => DownloadAsync());

        Assert.Contains("another process may be fetching it", error.Message, StringComparison.Ordinal);
    }

    private string Commit(string config) => Hub.Commit(Repository, ("config.json", System.Text.Encoding.ASCII.GetBytes(config)), ("model.safetensors", [1, 2, 3]));

    private void AssertThere()
    {
        Assert.Equal(["config.json", "model.safetensors", "tokenizer.model"], There());
        foreach ((string file, byte[] bytes) in Model.Where(file => There().Contains(file.Item1))) Assert.Equal(bytes, Read(file));
    }
}
