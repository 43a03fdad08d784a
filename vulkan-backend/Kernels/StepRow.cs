using System.Runtime.InteropServices;

namespace Gemma2.Backend.Kernels;

/// <summary>
/// One row of a step, as shaders read it (shaders/include/step_rows.glsl): a token of a sequence. Rows of a prompt are tokens of one sequence at
/// consecutive positions; decoding rows may be of any sequences at any positions.
/// </summary>
/// <param name="Token">The token's id.</param>
/// <param name="Position">Its position in its sequence, from 0.</param>
/// <param name="Slot">Number of the sequence in the block tables of the KV cache.</param>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal readonly record struct StepRow(uint Token, uint Position, uint Slot)
{
    /// <summary>Size of a row in memory.</summary>
    public const int Bytes = 16;
}
