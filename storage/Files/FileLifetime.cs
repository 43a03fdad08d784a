using System.Globalization;
using Gemma2.Backend;

namespace Gemma2.Storage.Files;

/// <summary>How long a file may be kept that expires: <c>expires_after</c>, counted from when it was stored. Source: OpenAI API reference, "Upload file".</summary>
public static class FileLifetime
{
    /// <summary>The only time that a lifetime can be counted from.</summary>
    public const string Anchor = "created_at";

    /// <summary>The shortest lifetime: an hour.</summary>
    public const long FewestSeconds = 3_600;

    /// <summary>The longest lifetime: 30 days.</summary>
    public const long MostSeconds = 2_592_000;

    /// <summary>A lifetime as a request gives it.</summary>
    /// <param name="anchor">From when it is counted; null where the request does not say.</param>
    /// <param name="seconds">How long it is; null where the request does not say.</param>
    /// <param name="nameOf">What the request calls a part of it, for messages.</param>
    /// <exception cref="InvalidRequestException">A part of it is missing or not allowed.</exception>
    public static TimeSpan Parse(string? anchor, long? seconds, Func<string, string> nameOf)
    {
        if (anchor is null) throw new InvalidRequestException(nameOf("anchor"), $"{nameOf("anchor")} is missing; allowed is {Anchor}.");
        if (anchor != Anchor) throw new InvalidRequestException(nameOf("anchor"), $"{nameOf("anchor")} is not usable; allowed is {Anchor}.");
        string allowed = string.Create(CultureInfo.InvariantCulture, $"allowed are integers from {FewestSeconds} to {MostSeconds}");
        if (seconds is null) throw new InvalidRequestException(nameOf("seconds"), $"{nameOf("seconds")} is missing; {allowed}.");
        return seconds is >= FewestSeconds and <= MostSeconds
            ? TimeSpan.FromSeconds(seconds.Value)
            : throw new InvalidRequestException(nameOf("seconds"), string.Create(CultureInfo.InvariantCulture, $"{nameOf("seconds")} is {seconds}; {allowed}."));
    }
}
