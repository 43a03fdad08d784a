namespace Gemma2.Cli.Planning.Rates;

/// <summary>How the numbers of a matrix are stored. Block formats are ggml's: so many bytes for a block of numbers with its scales (ggml-common.h).</summary>
/// <param name="Name">As <c>--type</c> has it.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
/// <param name="BlockNumbers">Numbers in a block.</param>
internal sealed record WeightFormat(string Name, int BlockBytes, int BlockNumbers)
{
    /// <summary>Every format.</summary>
    public static IReadOnlyList<WeightFormat> All { get; } =
    [
        new("f32", 4, 1),
        new("f16", 2, 1),
        new("bf16", 2, 1),
        new("q8_0", 34, 32),
        new("q6_k", 210, 256),
        new("q4_k", 144, 256),
        new("q4_0", 18, 32),
    ];

    /// <summary>Bits of one number, its share of the scales included.</summary>
    public double BitsPerNumber => 8.0 * BlockBytes / BlockNumbers;

    /// <summary>Bytes of so many numbers. The rows of all matrices of Gemma 2 are whole blocks.</summary>
    public long Bytes(long numbers) => numbers / BlockNumbers * BlockBytes;
}
