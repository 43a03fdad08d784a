using System.Globalization;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>Compares numbers with those expected and keeps the one that is off most, measured by what is allowed for it.</summary>
internal sealed class Comparison
{
    private double _worst = -1;

    /// <summary>How far the worst number is off.</summary>
    public double Error { get; private set; }

    /// <summary>How far it might be.</summary>
    public double Allowed { get; private set; }

    /// <summary>What is wrong; null when nothing is.</summary>
    public string? Fault { get; private set; }

    /// <summary>Compares a number.</summary>
    /// <param name="computed">What a kernel gave.</param>
    /// <param name="expected">What it should have given.</param>
    /// <param name="allowed">Difference that rounding explains.</param>
    /// <param name="row">Where it lies.</param>
    /// <param name="column">Where in the row.</param>
    public void Add(float computed, double expected, double allowed, int row, int column)
    {
        double error = Math.Abs(computed - expected);
        // Written so that NaN fails.
        double share = error <= allowed ? error == 0 ? 0 : error / allowed : error / allowed > 1 ? error / allowed : double.PositiveInfinity;
        if (share <= _worst) return;
        (_worst, Error, Allowed) = (share, error, allowed);
        if (share > 1) Fault = string.Create(CultureInfo.InvariantCulture, $"gave {computed:g6} for {expected:g6} in column {column} of row {row}");
    }

    /// <summary>Looks at memory behind a row, which was NaN before.</summary>
    public void AddPadding(ReadOnlySpan<float> padding, int row)
    {
        foreach (float number in padding)
            if (!float.IsNaN(number)) Fault ??= $"wrote past the end of row {row}";
    }

    /// <summary>Looks at something that is not a matter of rounding.</summary>
    public void Require(bool isRight, string fault)
    {
        if (!isRight) Fault ??= fault;
    }
}
