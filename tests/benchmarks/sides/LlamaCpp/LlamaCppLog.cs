using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Gemma2.Benchmarks.Sides;

/// <summary>What llama.cpp says while it loads: where its layers really are.</summary>
internal static unsafe partial class LlamaCppLog
{
    private static readonly StringBuilder Lines = new();

    /// <summary>Everything it has said.</summary>
    public static string Text
    {
        get
        {
            lock (Lines) return Lines.ToString();
        }
    }

    /// <summary>Layers that a GPU backend runs; 0 where there is none.</summary>
    public static int OffloadedLayers => Offloaded().Match(Text) is { Success: true } match ? int.Parse(match.Groups[1].Value, null) : 0;

    /// <summary>Which buffers hold the weights, such as "CPU_REPACK".</summary>
    public static string WeightBuffers => string.Join(" + ", Buffer().Matches(Text).Select(match => match.Groups[1].Value).Distinct());

    /// <summary>How keys are kept: "f16".</summary>
    public static string KvCache => Keys().Match(Text).Groups[1].Value;

    /// <summary>Catches what it says from here on.</summary>
    public static void Catch() => LlamaCppApi.SetLog(&Add, null);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Add(int level, byte* text, void* state)
    {
        lock (Lines) Lines.Append(Marshal.PtrToStringUTF8((nint)text));
    }

    [GeneratedRegex(@"offloaded (\d+)/\d+ layers to GPU")]
    private static partial Regex Offloaded();

    [GeneratedRegex(@"K \((\w+)\):")]
    private static partial Regex Keys();

    [GeneratedRegex(@"(\S+) model buffer size")]
    private static partial Regex Buffer();
}
