using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Which families of matrix kernels an engine may use: all that fit the device, all but some, or just one.</summary>
public sealed record KernelOptions
{
    /// <summary>The device decides.</summary>
    public static readonly KernelOptions Default = new();

    /// <summary>What <see cref="TryParse"/> takes, in words.</summary>
    public static readonly string Allowed = $"one of {Words("")} to use it alone, or several of {Words("-")} with commas between to leave them out";

    /// <summary>The family to use; what it cannot do, <see cref="KernelFamily.Generic"/> does. Null lets the device decide.</summary>
    public KernelFamily? Forced { get; init; }

    /// <summary>Families that are not used.</summary>
    public IReadOnlyList<KernelFamily> TurnedOff { get; init; } = [];

    /// <summary>Reads <c>tiled</c> (this family) or <c>-coopmat,-int8</c> (none of these).</summary>
    /// <returns>Null when <paramref name="text"/> is not as <see cref="Allowed"/> says.</returns>
    public static KernelOptions? TryParse(string text)
    {
        string[] words = text.Split(',', StringSplitOptions.TrimEntries);
        if (words is [var word] && Find(word) is { } forced) return new KernelOptions { Forced = forced };
        var turnedOff = new List<KernelFamily>();
        foreach (string entry in words)
        {
            if (entry is not ['-', .. var name] || Find(name) is not { } family || turnedOff.Contains(family)) return null;
            turnedOff.Add(family);
        }
        return new KernelOptions { TurnedOff = turnedOff };
    }

    private static KernelFamily? Find(string word)
    {
        foreach (KernelFamily family in Enum.GetValues<KernelFamily>())
            if (family.Word() == word) return family;
        return null;
    }

    private static string Words(string prefix) => string.Join(", ", Enum.GetValues<KernelFamily>().Select(family => prefix + family.Word()));
}
