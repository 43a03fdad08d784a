using System.Globalization;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;

namespace Gemma2.Cli.Benchmarks.Profiling;

/// <summary>Sums up what a timed run told.</summary>
/// <param name="work">What the steps have to read.</param>
/// <param name="bandwidth">The measured bandwidth in bytes a second.</param>
internal sealed class ProfileSummary(StepWork work, double bandwidth)
{
    private const double NanosecondsPerMillisecond = 1e6;
    private const double MillisecondsPerSecond = 1e3;

    /// <summary>The report of all passes of a run.</summary>
    public ProfileReport Of(IReadOnlyList<StepProfile> passes) =>
        new(Phase([.. passes.Where(pass => pass.IsPrompt)]), Phase([.. passes.Where(pass => !pass.IsPrompt)]));

    private PhaseTime Phase(StepProfile[] passes)
    {
        double total = passes.Sum(pass => pass.Dispatches.Sum(Milliseconds));
        return new PhaseTime(
            passes.Length,
            total,
            [
                .. passes.SelectMany(pass => pass.Dispatches)
                    .GroupBy(dispatch => (dispatch.Step, dispatch.Shader))
                    .Select(group => Kernel(group.Key.Step, group.Key.Shader, [.. group], passes, total))
                    .OrderByDescending(kernel => kernel.Milliseconds),
            ]);
    }

    private KernelTime Kernel(string step, string shader, DispatchTime[] dispatches, StepProfile[] passes, double total)
    {
        double milliseconds = dispatches.Sum(Milliseconds);
        // A step of several kernels reads its bytes in the one that does most; a step that not every pass has, in those that have it.
        StepProfile[] with = [.. passes.Where(pass => pass.Dispatches.Any(dispatch => dispatch.Step == step && dispatch.Shader == shader))];
        double? bytes = with.Sum(pass => work.Bytes(step, pass));
        bool isMain = shader == passes.SelectMany(pass => pass.Dispatches).Where(dispatch => dispatch.Step == step).GroupBy(dispatch => dispatch.Shader)
            .MaxBy(group => group.Sum(Milliseconds))!.Key;
        double? rate = isMain && bytes > 0 && milliseconds > 0 ? bytes / milliseconds * MillisecondsPerSecond : null;
        return new KernelTime(step, shader, Shape(step, isMain, dispatches), dispatches.Length, milliseconds, total > 0 ? milliseconds / total : 0, rate, rate / bandwidth);
    }

    private string Shape(string step, bool isMain, DispatchTime[] dispatches)
    {
        if (isMain && work.Shape(step) is { } shape) return shape;
        (uint x, uint y, uint z) = dispatches.MaxBy(dispatch => (long)dispatch.Grid.X * dispatch.Grid.Y * dispatch.Grid.Z).Grid;
        return string.Create(CultureInfo.InvariantCulture, $"{x} x {y} x {z} workgroups");
    }

    private static double Milliseconds(DispatchTime dispatch) => dispatch.Nanoseconds / NanosecondsPerMillisecond;
}
