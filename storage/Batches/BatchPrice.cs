using System.Globalization;
using System.Text.RegularExpressions;

namespace Gemma2.Storage.Batches;

/// <summary>What tokens cost.</summary>
/// <param name="Input">A million tokens of prompts.</param>
/// <param name="Output">A million new tokens.</param>
/// <param name="Currency">In which currency, as ISO 4217 has it: <c>USD</c>.</param>
public sealed partial record BatchPrice(decimal Input, decimal Output, string Currency)
{
    /// <summary>What is allowed, for messages.</summary>
    public const string Allowed = "prices of a million tokens of prompts and of answers, and a currency: 0.10/0.40 USD";

    private const decimal Million = 1_000_000;

    /// <summary>Reads <c>INPUT/OUTPUT CURRENCY</c>; null when it is something else.</summary>
    public static BatchPrice? TryParse(string text) => Pattern().Match(text) is { Success: true } match
        ? new BatchPrice(Number(match.Groups[1].Value), Number(match.Groups[2].Value), match.Groups[3].Value)
        : null;

    /// <summary>What tokens cost at this price.</summary>
    public BatchCost Of(BatchUsage usage) => new(usage.InputTokens * Input / Million, usage.OutputTokens * Output / Million, Currency);

    private static decimal Number(string text) => decimal.Parse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^([0-9]{1,9}(?:\.[0-9]{1,9})?)/([0-9]{1,9}(?:\.[0-9]{1,9})?) ([A-Z]{3})\z")]
    private static partial Regex Pattern();
}

/// <summary>What a batch cost.</summary>
/// <param name="Input">Its prompts.</param>
/// <param name="Output">Its new tokens.</param>
/// <param name="Currency">In which currency.</param>
public sealed record BatchCost(decimal Input, decimal Output, string Currency)
{
    /// <summary>All of it.</summary>
    public decimal Total => Input + Output;
}
