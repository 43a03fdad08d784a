using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>The values around zero that quants stand for: a number is stored as the level next to number / scale.</summary>
internal interface ILevels
{
    /// <summary>The level of largest magnitude: negative.</summary>
    static abstract float Lowest { get; }

    /// <summary>The largest positive level.</summary>
    static abstract float Highest { get; }

    /// <summary>How far apart the first guesses of a scale are, as a change of <see cref="Lowest"/>.</summary>
    static virtual float SearchStep => 0.1f;

    /// <summary>Whether a number's error counts by the number's square, as llama.cpp's search for some types has it: large weights matter more.</summary>
    static virtual bool WeighBySquare => true;

    /// <summary>The nearest levels.</summary>
    static abstract Vector256<float> Nearest(Vector256<float> values);
}
