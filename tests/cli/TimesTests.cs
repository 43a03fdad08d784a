using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Tests;

public sealed class TimesTests
{
    [Theory]
    [InlineData(-3, "0 s")]
    [InlineData(0, "0 s")]
    [InlineData(0.4, "0 s")]
    [InlineData(59.4, "59 s")]
    [InlineData(59.6, "1 min")]
    [InlineData(61, "1 min 1 s")]
    [InlineData(3599.9, "1 h")]
    [InlineData(3660, "1 h 1 min")]
    [InlineData(86_400, "1 d")]
    [InlineData(900_000, "10 d 10 h")]
    public void Describe_Duration_HasTwoUnits(double seconds, string expected) => Assert.Equal(expected, Times.Describe(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Describe_Moment_IsInUtc() =>
        Assert.Equal("2026-01-31 16:05:09Z", Times.Describe(new DateTimeOffset(2026, 1, 31, 18, 5, 9, TimeSpan.FromHours(2))));

    [Fact]
    public void Describe_NoMoment_IsADash() => Assert.Equal("-", Times.Describe((DateTimeOffset?)null));
}
