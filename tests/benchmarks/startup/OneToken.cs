using System.Globalization;
using Gemma2.Benchmarks.Sides;
using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Startup;

/// <summary>The inside of a process that loads a model on one side, makes one token and ends. Nothing is warmed up before.</summary>
internal static class OneToken
{
    /// <summary>The command that makes this program such a process.</summary>
    public const string Command = "one-token";

    /// <summary>What it writes when the token is there.</summary>
    public const string Sign = "token";

    private const int Context = 512;
    private const int PromptTokens = 16;

    /// <summary>Loads and makes a token.</summary>
    /// <param name="arguments">The side, the model, and the number of threads.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var options = new SideOptions(Context, int.Parse(arguments[2], CultureInfo.InvariantCulture), "f16", Device: 0, Warms: false);
        await using ISide side = await SideName.LoadAsync(arguments[0], arguments[1], options);
        await side.MeasureAsync(SyntheticPrompt.Of(PromptTokens, side.Description.VocabularySize), decode: 0);
        Console.Out.WriteLine(Sign);
        // Whoever measures looks at the process once more before it ends.
        await Console.In.ReadLineAsync();
        return 0;
    }
}
