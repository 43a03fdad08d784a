using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Storage;
using Gemma2.Storage.Files;

namespace Gemma2.Functions.Tests;

public sealed class ApiErrorTests
{
    public static TheoryData<Exception, int, string?> Failures { get; } = new()
    {
        { new StorageException("Reading blob a failed: 503 ServerBusy", 503), 503, "storage_unavailable" },
        { new FileTooLongException(), 413, "file_too_large" },
        { new InvalidRequestException("n", "n is wrong."), 400, "invalid_value" },
        { new GenerationException("The logits are not finite."), 500, "generation_failed" },
        { new OperationCanceledException(), 503, "stopping" },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public void FromException_Failure_HasItsStatus(Exception failure, int status, string? code)
    {
        ApiError error = ApiError.FromException(failure);

        Assert.Equal((status, code), (error.Status, error.Code));
    }

    [Fact]
    public void FromException_Unexpected_TellsNothing() =>
        Assert.DoesNotContain("secret", ApiError.FromException(new InvalidDataException("secret")).Message, StringComparison.Ordinal);
}
