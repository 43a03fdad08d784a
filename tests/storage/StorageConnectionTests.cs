namespace Gemma2.Storage.Tests;

public class StorageConnectionTests
{
    private const string Secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";

    private const string Valid = $"DefaultEndpointsProtocol=https;AccountName=someaccount;AccountKey={Secret};EndpointSuffix=core.windows.net";

    [Fact]
    public void FromSettings_ConnectionString_NamesTheEndpointWithoutSecret() =>
        Assert.Equal("https://someaccount.blob.core.windows.net/", Connect(("AzureWebJobsStorage", Valid)).ToString());

    [Fact]
    public void FromSettings_Emulator_IsLoopback() =>
        Assert.Equal("http://127.0.0.1:10000/devstoreaccount1", Connect(("AzureWebJobsStorage", "UseDevelopmentStorage=true")).ToString());

    [Fact]
    public void FromSettings_SharedAccessSignature_IsNotShown() => Assert.Equal(
        "https://some.blob.example/",
        Connect(("AzureWebJobsStorage", $"BlobEndpoint=https://some.blob.example/;QueueEndpoint=https://some.queue.example/;SharedAccessSignature=sig={Secret}")).ToString());

    [Fact]
    public void FromSettings_AccountName_UsesTheIdentity() =>
        Assert.Equal("https://someaccount.blob.core.windows.net/", Connect(("AzureWebJobsStorage:accountName", "someaccount")).ToString());

    [Theory]
    [InlineData("AzureWebJobsStorage:clientId", "00000000-0000-0000-0000-000000000001")]
    [InlineData("AzureWebJobsStorage:credential", "managedidentity")]
    public void FromSettings_ServiceUrisAndIdentity_AreTaken(string key, string value) => Assert.Equal(
        "https://some.blob.example/",
        Connect(("AzureWebJobsStorage:blobServiceUri", "https://some.blob.example/"), ("AzureWebJobsStorage:queueServiceUri", "https://some.queue.example/"), (key, value)).ToString());

    [Fact]
    public void FromEnvironment_DoubleUnderscore_IsAColon()
    {
        Environment.SetEnvironmentVariable("StorageOfATest__accountName", "someaccount");

        Assert.Equal("https://someaccount.blob.core.windows.net/", StorageConnection.FromEnvironment("StorageOfATest").ToString());
    }

    [Fact]
    public void FromSettings_Nothing_SaysWhatToSet() => Assert.Equal(
        "Storage is not configured: set AzureWebJobsStorage to a connection string, or AzureWebJobsStorage__accountName "
        + "(or AzureWebJobsStorage__blobServiceUri and AzureWebJobsStorage__queueServiceUri) to use a managed identity.",
        Refused(("AzureWebJobsStorage", " ")));

    [Fact]
    public void FromSettings_BlobUriOnly_SaysWhatToSet() =>
        Assert.StartsWith("Storage is not configured", Refused(("AzureWebJobsStorage:blobServiceUri", "https://some.blob.example/")), StringComparison.Ordinal);

    [Theory]
    [InlineData("nonsense")]
    [InlineData(Secret)]
    [InlineData("AccountName=someaccount")]
    [InlineData($"AccountKey={Secret}")]
    [InlineData($"DefaultEndpointsProtocol=https;AccountName=someaccount;AccountKey=not base64 {Secret};EndpointSuffix=core.windows.net")]
    [InlineData($"{Secret};{Secret}")]
    [InlineData($"{Valid};{Secret}=1;{Secret}=2")]
    [InlineData($"BlobEndpoint=https://some.blob.example/;SharedAccessSignature=sig={Secret}")]
    public void FromSettings_BrokenConnectionString_IsRefusedWithoutItsSecret(string connectionString)
    {
        var error = Assert.Throws<StorageException>(() => Connect(("AzureWebJobsStorage", connectionString)));

        Assert.StartsWith("AzureWebJobsStorage is not a usable storage connection string", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AzureWebJobsStorage:accountName", "Some_Account", "AzureWebJobsStorage__accountName is 'Some_Account'")]
    [InlineData("AzureWebJobsStorage:accountName", "evil.example/#", "AzureWebJobsStorage__accountName is 'evil.example/#'")]
    [InlineData("AzureWebJobsStorage:credential", "password", "AzureWebJobsStorage__credential is 'password'")]
    [InlineData("AzureWebJobsStorage:blobServiceUri", "http://some.blob.example/", "AzureWebJobsStorage__blobServiceUri is not")]
    [InlineData("AzureWebJobsStorage:queueServiceUri", "some.queue.example", "AzureWebJobsStorage__queueServiceUri is not")]
    [InlineData("AzureWebJobsStorage:blobServiceUri", $"https://some.blob.example/?sig={Secret}", "AzureWebJobsStorage__blobServiceUri is not")]
    public void FromSettings_WrongValue_NamesTheSetting(string key, string value, string message)
    {
        string refused = Refused(("AzureWebJobsStorage:accountName", "someaccount"), (key, value));

        Assert.StartsWith(message, refused, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, refused, StringComparison.Ordinal);
    }

    private static StorageConnection Connect(params (string Key, string Value)[] settings) =>
        StorageConnection.FromSettings(key => settings.LastOrDefault(setting => setting.Key == key).Value);

    private static string Refused(params (string Key, string Value)[] settings) => Assert.Throws<StorageException>(() => Connect(settings)).Message;
}
