using System.Text.Json;

namespace Gemma2.Benchmarks.Masks;

/// <summary>What came of all files.</summary>
internal sealed class MaskFigures
{
    private readonly List<double> _masks = [];
    private readonly List<double> _compilations = [];

    /// <summary>How many files there are.</summary>
    public int Files { get; private set; }

    /// <summary>Files whose schema was compiled and whose instances were all judged rightly.</summary>
    public int Passed { get; private set; }

    /// <summary>Files whose schema was refused.</summary>
    public int CompileErrors { get; private set; }

    /// <summary>Files with a valid instance that was refused.</summary>
    public int ValidRefused { get; private set; }

    /// <summary>Files with an invalid instance that was taken.</summary>
    public int InvalidTaken { get; private set; }

    /// <summary>Which schemas were refused and which instances were judged wrongly, a line each.</summary>
    public List<string> Wrong { get; } = [];

    /// <summary>Masks that were made.</summary>
    public int Masks => _masks.Count;

    /// <summary>What a share of the masks does not exceed, in microseconds.</summary>
    public double Mask(double percent) => Percentile(_masks, percent);

    /// <summary>What a share of the compilations does not exceed, in microseconds.</summary>
    public double Compilation(double percent) => Percentile(_compilations, percent);

    /// <summary>Takes in a file.</summary>
    /// <param name="answer">What the program said of it.</param>
    /// <param name="file">The file.</param>
    public void Add(JsonElement answer, JsonElement file)
    {
        Files++;
        string name = Path.GetFileName(answer.GetProperty("file").GetString()!);
        _compilations.Add(answer.GetProperty("compile_us").GetDouble());
        if (answer.GetProperty("compile_error").GetString() is { } error)
        {
            CompileErrors++;
            Wrong.Add($"{name}: refused: {error}");
            return;
        }

        (JsonElement Test, JsonElement Result)[] tests = [.. file.GetProperty("tests").EnumerateArray().Zip(answer.GetProperty("tests").EnumerateArray())];
        foreach ((_, JsonElement result) in tests) _masks.AddRange(result.GetProperty("mask_us").EnumerateArray().Select(value => value.GetDouble()));
        bool refused = tests.Any(test => IsValid(test.Test) && !IsAccepted(test.Result)), taken = tests.Any(test => !IsValid(test.Test) && IsAccepted(test.Result));
        if (refused)
        {
            ValidRefused++;
            Wrong.Add($"{name}: a valid instance is refused");
        }

        if (taken)
        {
            InvalidTaken++;
            Wrong.Add($"{name}: an invalid instance is taken");
        }

        if (!refused && !taken) Passed++;
    }

    private static bool IsValid(JsonElement test) => test.GetProperty("valid").GetBoolean();

    private static bool IsAccepted(JsonElement result) => result.GetProperty("accepted").GetBoolean();

    private static double Percentile(List<double> values, double percent)
    {
        if (values.Count == 0) return double.NaN;
        double[] sorted = [.. values.Order()];
        return sorted[(int)Math.Ceiling(sorted.Length * percent / 100) - 1];
    }
}
