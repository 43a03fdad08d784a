using System.Runtime.InteropServices;

namespace Gemma2.Backend.Kernels;

/// <summary>
/// One row of a pass, as shaders read it (shaders/include/pass_rows.glsl): a token of a sequence. Rows of a prompt are tokens of one sequence at
/// consecutive positions; rows of a decoding step are the last tokens of different sequences.
/// </summary>
/// <param name="Token">The token's id.</param>
/// <param name="Position">Its position in its sequence, from 0.</param>
/// <param name="Sequence">Number of the sequence's KV cache.</param>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal readonly record struct PassRow(uint Token, uint Position, uint Sequence)
{
    /// <summary>Size of a row in memory.</summary>
    public const int Bytes = 16;
}
