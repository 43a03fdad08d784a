using Gemma2.Backend.Tensors;

namespace Gemma2.Cli.Planning.Rates;

/// <summary>How the numbers of a matrix are stored.</summary>
/// <param name="Type">The type of all matrices.</param>
internal sealed record WeightFormat(TensorType Type)
{
    /// <summary>Every format.</summary>
    public static IReadOnlyList<WeightFormat> All { get; } = [.. Enum.GetValues<TensorType>().Select(type => new WeightFormat(type))];

    /// <summary>As <c>--type</c> has it.</summary>
    public string Name { get; } = Type.ToString().ToLowerInvariant();

    /// <summary>Bits of one number, its share of the scales included.</summary>
    public double BitsPerNumber => 8.0 * Type.BlockBytes() / Type.BlockElements();

    /// <summary>Bytes of so many numbers. The rows of all matrices of Gemma 2 are whole blocks.</summary>
    public long Bytes(long numbers) => Type.RowBytes(numbers);
}
