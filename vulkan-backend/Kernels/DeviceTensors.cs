namespace Gemma2.Backend.Kernels;

/// <summary>How rows lie in device memory.</summary>
internal static class RowLayout
{
    /// <summary>Rows start at multiples of this many elements: the shortest block that weights are quantized in.</summary>
    public const int Alignment = 32;

    /// <summary>Elements from one row to the next. Those past the row's width are zero and stay so.</summary>
    public static int Stride(int width) => (width + Alignment - 1) / Alignment * Alignment;
}

/// <summary>Activations in device memory: float32, [tokens, Width], rows <see cref="Stride"/> elements apart.</summary>
internal readonly record struct Activation(ulong Address, int Width, int Stride)
{
    /// <summary>Rows of the usual stride.</summary>
    public Activation(ulong address, int width)
        : this(address, width, RowLayout.Stride(width))
    {
    }

    /// <summary>The same from a later token on.</summary>
    public Activation From(int token) => this with { Address = Address + ((ulong)token * (ulong)Stride * sizeof(float)) };

    /// <summary>Some columns of the same rows.</summary>
    public Activation Columns(int first, int width) => new(Address + ((ulong)first * sizeof(float)), width, Stride);
}
